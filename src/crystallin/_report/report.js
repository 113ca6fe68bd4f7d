"use strict";

// Tables are there without this script, their first rows; it adds sorting, filtering, pages and CSV files.

// The data are columns; where values recur, their distinct ones and the place of each, unless there is one only.
function read(id) {
  const data = JSON.parse(document.getElementById(id).textContent);
  for (const column of data.columns) {
    const places = column.places ?? new Array(data.n).fill(0);
    column.values ??= places.map((place) => column.levels[place]);
  }
  return data;
}

// As show() in _values.py writes numbers.
function number(value) {
  if (value === null || typeof value === "string") return value || "";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return String(value);
  if (size >= 1e-3 && size < 1e15) return size >= 100 ? value.toFixed(0) : value.toPrecision(3);
  return value.toExponential(1).replace("+", "");
}

function words(column, row) {
  const value = column.values[row];
  if (column.type === "number") return number(value);
  return column.type === "yes" ? (value ? "yes" : "no") : value;
}

function comparable(value) {
  if (value === "inf") return Infinity;
  return value === "-inf" ? -Infinity : value;
}

// Numbers by value, words as people sort them ("type 2" before "type 10"); what is missing stays at the end.
function compare(column, direction) {
  const isMissing = (value) => value === null || value === "";
  return (a, b) => {
    const [x, y] = [column.values[a], column.values[b]];
    if (isMissing(x) || isMissing(y)) return isMissing(x) - isMissing(y);
    const order =
      column.type === "text"
        ? x.localeCompare(y, undefined, { numeric: true, sensitivity: "base" })
        : Math.sign(comparable(x) - comparable(y)) || 0;
    return direction * order;
  };
}

function csv(data) {
  const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cell = (column, row) => {
    const value = column.values[row];
    if (value === null) return "";
    return column.type === "yes" ? (value ? "True" : "False") : quote(String(value));
  };
  const lines = [data.columns.map((column) => quote(column.name)).join(",")];
  for (let row = 0; row < data.n; row++) lines.push(data.columns.map((column) => cell(column, row)).join(","));
  // the mark at the start tells spreadsheets that this is UTF-8
  return "\ufeff" + lines.join("\r\n") + "\r\n";
}

function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

class Table {
  constructor(box) {
    this.box = box;
    this.data = read(box.dataset.source);
    this.size = Number(box.dataset.first);
    this.page = 0;
    this.sorted = { column: null, direction: 0 };
    this.body = box.querySelector("tbody");
    this.headers = [...box.querySelectorAll("th")];
    this.filter = box.querySelector("input[type=search]");
    this.choices = [...box.querySelectorAll("select[data-column]")];
    this.find();

    this.headers.forEach((header, i) => header.querySelector("button").addEventListener("click", () => this.sort(i)));
    for (const input of [this.filter, ...this.choices]) input?.addEventListener("input", () => this.find());
    this.on(".previous", "click", () => this.turn(-1));
    this.on(".next", "click", () => this.turn(1));
    this.on(".all-columns", "change", (event) => {
      box.querySelector("table").classList.toggle("all", event.target.checked);
    });
    this.on(".page-size", "change", (event) => {
      this.size = Number(event.target.value);
      this.page = 0;
      this.draw();
    });
  }

  on(selector, event, action) {
    this.box.querySelector(selector)?.addEventListener(event, action);
  }

  // What a row says in words, for the filter.
  text(row) {
    this.texts ??= [];
    this.texts[row] ??= this.data.columns
      .filter((column) => column.type === "text")
      .map((column) => column.values[row])
      .join("\n")
      .toLowerCase();
    return this.texts[row];
  }

  find() {
    const terms = (this.filter?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = this.choices
      .filter((select) => select.selectedIndex > 0)
      .map((select) => [this.data.columns.find((column) => column.name === select.dataset.column), select.value]);
    this.rows = [];
    for (let row = 0; row < this.data.n; row++) {
      const isChosen = chosen.every(([column, value]) => String(column.values[row]) === value);
      if (isChosen && terms.every((term) => this.text(row).includes(term))) this.rows.push(row);
    }
    this.page = 0;
    this.order();
  }

  // Up, down, and back to the order in which the rows came.
  sort(i) {
    const { column, direction } = this.sorted;
    const next = column === i ? { 1: -1, [-1]: 0, 0: 1 }[direction] : 1;
    this.sorted = { column: i, direction: next };
    this.headers.forEach((header, j) => {
      const name = { 1: "ascending", [-1]: "descending", 0: "none" }[j === i ? next : 0];
      header.setAttribute("aria-sort", name);
    });
    this.page = 0;
    this.order();
  }

  order() {
    const { column, direction } = this.sorted;
    this.rows.sort(direction ? compare(this.data.columns[column], direction) : (a, b) => a - b);
    this.draw();
  }

  turn(step) {
    this.page += step;
    this.draw();
  }

  draw() {
    const start = this.page * this.size;
    const shown = this.rows.slice(start, start + this.size);
    this.body.replaceChildren(
      ...shown.map((row) => {
        const line = document.createElement("tr");
        line.append(
          ...this.data.columns.map((column, i) => {
            const cell = document.createElement("td");
            cell.textContent = words(column, row);
            cell.className = this.headers[i].className;
            return cell;
          }),
        );
        return line;
      }),
    );
    const end = Math.min(start + this.size, this.rows.length);
    const of = `of ${this.rows.length.toLocaleString("en")}`;
    this.box.querySelector(".where").textContent = this.rows.length
      ? `${(start + 1).toLocaleString("en")} to ${end.toLocaleString("en")} ${of}`
      : "no row fits";
    this.box.querySelector(".previous").disabled = this.page === 0;
    this.box.querySelector(".next").disabled = end >= this.rows.length;
  }
}

// Figures that are shown smaller than they were drawn get a button, which brings them back to their size.
const shrunk = new ResizeObserver((entries) => {
  for (const { target: image } of entries) {
    const figure = image.closest(".picture");
    const isShrunk = image.clientWidth < 0.85 * parseFloat(figure.style.getPropertyValue("--width"));
    figure.classList.toggle("shrunk", isShrunk || figure.classList.contains("large"));
  }
});
document.querySelectorAll(".picture").forEach((figure) => {
  shrunk.observe(figure.querySelector("img"));
  const button = figure.querySelector(".enlarge");
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", figure.classList.toggle("large"));
  });
});

document.documentElement.classList.add("with-script");
document.querySelectorAll(".table").forEach((box) => new Table(box));
document.querySelectorAll("button.csv").forEach((button) => {
  button.addEventListener("click", () => download(button.dataset.file, csv(read(button.dataset.source))));
});
