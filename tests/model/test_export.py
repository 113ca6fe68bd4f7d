"""Models as files without pickles: everything comes back, and nothing but a model does."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load, save

import crystallin as cr
from crystallin.model import _members, read_exported
from crystallin.model._export import FORMAT_VERSION

REFERENCE = {
    # what the card reads
    "labels": np.array(["B cell", "T | cell"]),
    "size": np.array([30, 12]),
    "n_samples": 3,
    "groupby": "cell_type",
    "sample_key": "donor",
    "depth": 1234.0,
    "weights": np.ones(42),
    "donors": np.array(["a", "b"]),
    "distances": {"mean": np.linspace(0, 1, 7), "n": np.int32(7), "levels": (0.9, 0.95)},
    "note": None,
    "empty": np.empty((0, 3), dtype=np.float32),
}


@pytest.fixture(scope="session")
def _exported(_trained, tmp_path_factory):
    return _trained[1].export(tmp_path_factory.mktemp("exported") / "planted")


@pytest.fixture
def folder(_exported, tmp_path):
    """A copy of an exported model, to be changed at will."""
    return shutil.copytree(_exported, tmp_path / "copied")


@pytest.fixture
def own(model, monkeypatch):
    """The trained model, whose attributes may be changed."""
    for name in ("gene_ids_", "reference_", "set_licences_"):
        monkeypatch.setattr(model, name, None)
    return model


def change(folder, name, edit):
    """Edit a file and its checksum, as somebody does who means to deceive."""
    path = folder / name
    path.write_bytes(edit(path.read_bytes()))
    sums = json.loads((folder / "checksums.json").read_text())
    sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(sums))


def change_json(folder, edit):
    def edited(content):
        tree = json.loads(content)
        edit(tree)
        return json.dumps(tree).encode()

    change(folder, "model.json", edited)


def change_arrays(folder, edit):
    def edited(content):
        arrays = {name: array.copy() for name, array in load(content).items()}
        edit(arrays)
        return save(arrays)

    change(folder, "weights.safetensors", edited)


def zipped(folder, path, **kwargs):
    with zipfile.ZipFile(path, "w", **kwargs) as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    return path


@pytest.mark.parametrize("name", ["folder", "file.zip"])
def test_a_stranger_has_the_same_activities(own, adata, tmp_path, name):
    own.reference_ = REFERENCE
    ids = [f"ENSG{i:05}" for i in range(own.prior.shape[0])]
    path = own.export(tmp_path / "new" / name, gene_ids=ids, card="About *these* cells.", licence="cc-by-4.0")
    assert path == tmp_path / "new" / name and [entry.name for entry in path.parent.iterdir()] == [name]
    loaded = read_exported(str(path))
    assert loaded.adata is None and loaded.is_trained and loaded.digest == own.digest
    for kind in ("unique", "total"):
        mean, sd = own.get_activity(kind=kind, return_sd=True)
        again = loaded.get_activity(adata, kind=kind, return_sd=True)
        np.testing.assert_array_equal(again[0], mean)
        np.testing.assert_array_equal(again[1], sd)
    pd.testing.assert_frame_equal(loaded.programs_table, own.programs_table)
    assert loaded.prior_digest == own.prior_digest
    assert own.gene_ids_.tolist() == loaded.gene_ids_.tolist() == ids and loaded.gene_ids_.dtype.kind == "U"
    np.testing.assert_equal(loaded.reference_, REFERENCE)
    assert type(loaded.reference_["distances"]["levels"]) is tuple
    assert loaded.reference_["distances"]["n"].dtype == np.int32 and loaded.reference_["empty"].shape == (0, 3)
    summary = loaded.training_summary_
    assert summary["n_obs"] == 500 and summary["n_vars"] == 240 and summary["seed"] == 0
    assert summary["epochs"] == len(own.history["elbo_train"]) and summary["posterior_epochs"] > 0
    assert summary["metrics"]["elbo_train"] == pytest.approx(own.history["elbo_train"].iloc[-1, 0])
    assert summary["batches"] == {"key": "batch", "names": ["one", "two"]}
    assert loaded.history is None
    assert "About *these* cells." in loaded.card_ and "license: cc-by-4.0" in loaded.card_


def test_no_member_is_a_pickle(_exported):
    assert sorted(file.name for file in _exported.iterdir()) == sorted(_members.MEMBERS)
    described = json.loads((_exported / "model.json").read_text())
    assert described["format"] == "crystallin-model" and described["format_version"] == 1
    assert set(described["versions"]) == {"crystallin", "scvi-tools", "torch"}
    sums = json.loads((_exported / "checksums.json").read_text())
    assert sums == {name: hashlib.sha256((_exported / name).read_bytes()).hexdigest() for name in sums}
    assert set(sums) == set(_members.MEMBERS) - {"checksums.json"}


def test_exporting_and_loading_never_pickles(own, tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError

    for place, names in ((pickle, ("dump", "dumps", "load", "loads", "Unpickler")), (torch, ("save", "load"))):
        for name in names:
            monkeypatch.setattr(place, name, forbidden)
    read_exported(own.export(tmp_path / "model.zip"))


def test_the_same_model_gives_the_same_file(own, tmp_path):
    one, other = (own.export(tmp_path / part / "model.zip") for part in "ab")
    assert one.read_bytes() == other.read_bytes()
    # and so does the model that was loaded from it
    assert read_exported(one).export(tmp_path / "c" / "model.zip").read_bytes() == one.read_bytes()


def test_attributes_are_saved_by_scvi_as_well(folder, adata, tmp_path):
    loaded = read_exported(folder)
    loaded.reference_ = REFERENCE
    loaded.save(str(tmp_path / "saved"))
    again = cr.ProgramVAE.load(tmp_path / "saved", adata)
    np.testing.assert_equal(again.reference_, REFERENCE)
    assert again.card_ == loaded.card_ and again.training_summary_ == loaded.training_summary_


def test_queries_of_a_loaded_model(folder, planted, tmp_path):
    query = planted.adata[:50].copy()
    query.obs["batch"] = "three"
    reference = read_exported(folder)
    mapped = cr.ProgramVAE.load_query_data(query, reference)
    with pytest.raises(RuntimeError, match="not trained"):
        mapped.export(tmp_path / "query")
    mapped.train(max_epochs=2, enable_progress_bar=False)
    mapped.export(tmp_path / "query")
    loaded = read_exported(tmp_path / "query")
    assert loaded.n_reference_ == mapped.n_reference_ == [2]
    assert "adapted to new batches" in loaded.card_
    trained = [name for name, parameter in loaded.module.named_parameters() if parameter.requires_grad]
    assert trained == ["z_encoder.batch_shift", "decoder.categorical.0"]
    np.testing.assert_array_equal(loaded.get_activity(query.copy()), mapped.get_activity())


@pytest.mark.parametrize(
    ("setup", "options"),
    [
        ({"continuous_covariate_keys": ["age"], "categorical_covariate_keys": ["cell_type"]}, {"context": False}),
        ({"batch_key": "number", "labels_key": "cell_type"}, {"dispersion": "gene-batch", "n_unannotated": 2}),
        ({"size_factor_key": "depth"}, {"gene_likelihood": "zinb", "n_unannotated": "auto"}),
    ],
    ids=["covariates", "batches", "size factors"],
)
def test_other_settings(quick, adata, tmp_path, setup, options):
    adata.obs["number"] = np.arange(adata.n_obs) % 3
    adata.obs["depth"] = np.asarray(adata.X.sum(1)).ravel()
    data = adata.copy()
    model = quick(adata, setup=setup, **options)
    loaded = read_exported(model.export(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.get_activity(data), model.get_activity())
    assert loaded.free_names.tolist() == model.free_names.tolist()


def test_a_model_of_minified_data(quick, adata, tmp_path):
    data = adata.copy()
    model = quick(adata)
    before = model.get_activity()
    mean, var = model.get_latent_representation(return_dist=True)
    adata.obsm["qzm"], adata.obsm["qzv"] = mean, var
    model.minify_adata(use_latent_qzm_key="qzm", use_latent_qzv_key="qzv")
    loaded = read_exported(model.export(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.get_activity(data), before)


def test_half_precision(own, adata, tmp_path):
    small = own.export(tmp_path / "half.zip", dtype="float16")
    full = own.export(tmp_path / "full.zip")
    assert small.stat().st_size < 0.85 * full.stat().st_size
    loaded = read_exported(small)
    assert {t.dtype for t in loaded.module.state_dict().values()} <= {torch.float32, torch.int64, torch.bool}
    changes = np.abs(loaded.get_activity(adata) - own.get_activity())
    assert np.quantile(changes, 0.95) < 1e-3 and changes.max() < 0.2


def test_added_members_are_kept(own, tmp_path, monkeypatch):
    added = own.prior.copy()
    added.data[:] = np.arange(added.nnz) % 2
    monkeypatch.setattr(own, "_prior", own._prior.with_added(added))
    loaded = read_exported(own.export(tmp_path / "model"))
    assert (loaded.added_members != own.added_members).nnz == 0 and loaded.added_members.nnz > 0


class TestGeneIds:
    @pytest.mark.parametrize("kind", ["list", "dict", "series", "column"])
    def test_forms(self, own, tmp_path, monkeypatch, kind):
        genes = own._prior.genes
        ids = pd.Series([f"E{i}" for i in range(len(genes))], index=genes)
        ids.iloc[3] = np.nan
        monkeypatch.setitem(own.adata.var, "ensembl", ids.to_numpy())
        given = {
            "list": ids.tolist(),
            "dict": ids[::-1].to_dict() | {"another": "E"},
            "series": ids[::-1],
            "column": "ensembl",
        }[kind]
        own.export(tmp_path / "model", gene_ids=given)
        assert own.gene_ids_[:5].tolist() == ["E0", "E1", "E2", "", "E4"]
        # they are kept for the next time
        own.export(tmp_path / "again")
        assert read_exported(tmp_path / "again").gene_ids_.tolist() == own.gene_ids_.tolist()
        del own.adata.var["ensembl"]

    @pytest.mark.parametrize(
        ("ids", "error", "match"),
        [
            (["E1"], ValueError, "gene_ids has 1 values for 240 genes"),
            ({"g0": "E0"}, ValueError, "gene_ids is aligned by its index, which lacks 239"),
            ("no column", KeyError, "not a column of model.adata.var"),
            ([""] * 240, ValueError, "empty for all genes"),
            ([["E1"]] * 240, ValueError, r"gene_ids has shape \(240, 1\)"),
            (3, ValueError, "gene_ids has a single value for 240 genes"),
            (["E1"] * 240, ValueError, r"1 identifier\(s\) stand for several genes, e.g. 'E1'"),
        ],
        ids=["few", "dict", "column", "empty", "nested", "number", "repeated"],
    )
    def test_refused(self, own, tmp_path, ids, error, match):
        with pytest.raises(error, match=match):
            own.export(tmp_path / "model", gene_ids=ids)
        assert not any(tmp_path.iterdir()) and own.gene_ids_ is None

    def test_a_column_needs_data(self, folder, tmp_path):
        with pytest.raises(ValueError, match="names a column, but the model has no data"):
            read_exported(folder).export(tmp_path / "model", gene_ids="ensembl")


class TestCard:
    def test_sections(self, own, tmp_path):
        own.reference_ = REFERENCE
        own.export(tmp_path / "m", licence="Ask the | author", set_licences={"Program/1": "CC-BY 4.0", "*": "mine"})
        card = (tmp_path / "m" / "README.md").read_text()
        header, _, text = card.removeprefix("---\n").partition("\n---\n")
        yaml = pytest.importorskip("yaml").safe_load(header)
        assert yaml["license"] == "other" and yaml["license_name"] == "Ask the | author"
        assert {"crystallin", "scvi-tools"} <= set(yaml["tags"])
        heads = [line for line in text.splitlines() if line.startswith("#")]
        assert heads[:3] == ["# m", "## What it is", "## How to use"] and "## Calibration of the verdict" in heads
        assert 'cr.map(adata, "m")' in text and "Ask the \\| author" in text
        assert "| Program/1 | " in text and text.count("| mine |") == 7 and text.count("| CC-BY 4.0 |") == 1
        assert "| Batches | 2 (column batch): one, two |" in text and "8 random sets (decoys)" in text
        assert own.set_licences_["Program/1"] == "CC-BY 4.0"

    def test_built_in_sets_have_a_note(self, tmp_path):
        adata = cr.datasets.pbmc68k()
        cr.pp.add_programs(adata, "immune")
        cr.ProgramVAE.setup_anndata(adata, layer="counts")
        model = cr.ProgramVAE(adata)
        model.train(max_epochs=2, enable_progress_bar=False)
        model.export(tmp_path / "m", set_licences={"B cell": "another"})
        rows = {
            program["name"]: program for program in json.loads((tmp_path / "m" / "model.json").read_text())["programs"]
        }
        assert "BSD-3-Clause" in rows["T cell"]["licence"] and rows["T cell"]["doi"] == "10.1038/ncomms14049"
        assert rows["T cell"]["source"] == "crystallin immune collection" and rows["B cell"]["licence"] == "another"

    @pytest.mark.parametrize(
        ("notes", "error", "match"),
        [
            ({"Program/11": "x"}, ValueError, "'Program/11', which is not a program.*Did you mean 'Program/1'"),
            ({"*": 3}, TypeError, r"set_licences\['\*'\] is a int"),
            (["x"], TypeError, "set_licences is a list"),
        ],
        ids=["name", "number", "list"],
    )
    def test_licences_refused(self, own, tmp_path, notes, error, match):
        with pytest.raises(error, match=match):
            own.export(tmp_path / "m", set_licences=notes)

    def test_names_cannot_break_the_table(self, own, tmp_path, monkeypatch):
        programs = own._prior.programs.astype(object)
        programs[0] = "a | b\n<script>"
        monkeypatch.setattr(
            own, "_prior", type(own._prior)(**{**own._prior.to_dict(), "programs": programs.astype(str)})
        )
        own.export(tmp_path / "m")
        assert "| a \\| b &lt;script> |" in (tmp_path / "m" / "README.md").read_text()

    def test_a_card_that_was_edited_is_read_with_a_warning(self, folder):
        (folder / "README.md").write_text("Mine")
        with pytest.warns(UserWarning, match="README.md.*was changed after the export"):
            assert read_exported(folder).card_ == "Mine"
        (folder / "README.md").unlink()
        assert read_exported(folder).card_ is None


class TestWriting:
    def test_untrained(self, adata, tmp_path):
        cr.ProgramVAE.setup_anndata(adata)
        with pytest.raises(RuntimeError, match=r"not trained.*model.train\(\)"):
            cr.ProgramVAE(adata).export(tmp_path / "model")
        assert not any(tmp_path.iterdir())

    def test_ensembles_refer_to_their_model(self, own, tmp_path):
        ensemble = cr.ProgramEnsemble([own, own])
        with pytest.raises(TypeError, match=r"ensemble.model.export\(…\) exports the first fit"):
            ensemble.export(tmp_path / "model")
        ensemble.model.export(tmp_path / "model")

    @pytest.mark.parametrize("name", ["model", "model.zip"])
    def test_overwriting(self, own, tmp_path, name):
        path = own.export(tmp_path / name)
        with pytest.raises(FileExistsError, match="overwrite=True"):
            own.export(path)
        own.export(path, card="Second.", overwrite=True)
        assert "Second." in read_exported(path).card_ and os.listdir(tmp_path) == [name]

    def test_files_of_others_are_not_removed(self, own, tmp_path):
        (tmp_path / "thesis.tex").write_text("")
        with pytest.raises(FileExistsError, match="not overwritten: 'thesis.tex'"):
            own.export(tmp_path, overwrite=True)
        with pytest.raises(FileExistsError, match="is a file and cannot be replaced by a folder"):
            own.export(tmp_path / "thesis.tex", overwrite=True)
        (tmp_path / "a.zip").mkdir()
        with pytest.raises(FileExistsError, match="is a folder and cannot be replaced by a file"):
            own.export(tmp_path / "a.zip", overwrite=True)
        with pytest.raises(NotADirectoryError, match="is a file"):
            own.export(tmp_path / "thesis.tex" / "model")
        assert sorted(os.listdir(tmp_path)) == ["a.zip", "thesis.tex"]

    @pytest.mark.parametrize("name", ["model", "model.zip"])
    def test_nothing_half_written(self, own, tmp_path, monkeypatch, name):
        path = own.export(tmp_path / name, card="First.")

        def fail(*_):
            raise OSError("disk full")

        for step in ("replace",):
            with monkeypatch.context() as patched:
                patched.setattr(_members.os, step, fail)
                with pytest.raises(OSError, match="disk full"):
                    own.export(path, overwrite=True)
            assert os.listdir(tmp_path) == [name] and "First." in read_exported(path).card_

    def test_the_old_folder_comes_back(self, own, tmp_path, monkeypatch):
        path, replace, calls = own.export(tmp_path / "model", card="First."), os.replace, []

        def fail_once(old, new):
            calls.append(old)
            if len(calls) == 2:
                raise OSError("disk full")
            replace(old, new)

        monkeypatch.setattr(_members.os, "replace", fail_once)
        with pytest.raises(OSError, match="disk full"):
            own.export(path, overwrite=True)
        assert os.listdir(tmp_path) == ["model"] and "First." in read_exported(path).card_

    @pytest.mark.parametrize(
        ("path", "options", "error", "match"),
        [
            (3, {}, TypeError, "path=3 must be"),
            ("hf://a/b", {}, ValueError, "hf upload"),
            ("m", {"card": None}, TypeError, "card is a NoneType"),
            ("m", {"dtype": "float64"}, ValueError, "dtype='float64' is not one of 'float32', 'float16'"),
            ("m", {"overwrite": 1}, ValueError, "overwrite=1 must be True or False"),
        ],
        ids=["number", "address", "card", "dtype", "overwrite"],
    )
    def test_arguments(self, own, tmp_path, monkeypatch, path, options, error, match):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(error, match=match):
            own.export(path, **options)
        assert not any(tmp_path.iterdir())

    def test_what_cannot_be_stored(self, own, tmp_path, monkeypatch):
        own.reference_ = {"model": {"fitted": object()}}
        with pytest.raises(TypeError, match=r"reference\['model'\]\['fitted'\] is a object"):
            own.export(tmp_path / "model")
        own.reference_ = None
        monkeypatch.setitem(own.registry_, "setup_method_name", "setup_datamodule")
        with pytest.raises(ValueError, match="registered by setup_datamodule"):
            own.export(tmp_path / "model")
        assert not any(tmp_path.iterdir())

    def test_weights_that_are_not_finite(self, own, folder, tmp_path):
        loaded = read_exported(folder)
        with torch.no_grad():
            loaded.module.z_encoder.context[0].weight[0, 0] = 1e6
        with pytest.raises(ValueError, match='too large for dtype="float16"'):
            loaded.export(tmp_path / "new", dtype="float16")
        with torch.no_grad():
            loaded.module.px_r[0] = torch.nan
        with pytest.raises(ValueError, match=r"\(px_r\) are NaN or infinite"):
            loaded.export(tmp_path / "new")
        assert not (tmp_path / "new").exists()


class TestDamage:
    def test_newer_versions(self, folder):
        change_json(folder, lambda tree: tree.update(format_version=FORMAT_VERSION + 1, versions={"crystallin": "9.9"}))
        with pytest.raises(
            ValueError, match="version 2 of the format, written by crystallin 9.9.*pip install --upgrade"
        ):
            read_exported(folder)

    @pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
    @pytest.mark.parametrize(
        "edit", [lambda c: c[:-100], lambda c: c[:200] + bytes([c[200] ^ 1]) + c[201:]], ids=["cut", "bit"]
    )
    def test_altered_files(self, folder, name, edit):
        (folder / name).write_bytes(edit((folder / name).read_bytes()))
        with pytest.raises(ValueError, match=f"{name} in .* SHA-256 checksum differs from that in checksums.json"):
            read_exported(folder)

    @pytest.mark.parametrize("name", ["weights.safetensors", "model.json", "checksums.json"])
    def test_missing_files(self, folder, name):
        (folder / name).unlink()
        with pytest.raises(FileNotFoundError, match=f"is incomplete, without {name}"):
            read_exported(folder)

    def test_archives(self, folder, tmp_path):
        whole = zipped(folder, tmp_path / "whole.zip", compression=zipfile.ZIP_DEFLATED)
        assert read_exported(whole).is_trained
        (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-50])
        with pytest.raises(ValueError, match="is incomplete or not a .zip file"):
            read_exported(tmp_path / "cut.zip")
        content = bytearray(whole.read_bytes())
        content[len(content) // 3] ^= 255
        (tmp_path / "bit.zip").write_bytes(content)
        with pytest.raises(ValueError, match="cannot be read|checksum"):
            read_exported(tmp_path / "bit.zip")

    def test_archives_of_other_kinds(self, folder, tmp_path):
        packed = zipped(folder, tmp_path / "packed.zip", compression=zipfile.ZIP_LZMA)
        with pytest.raises(ValueError, match="checksums.json in .* cannot be read .it is compressed by method 14"):
            read_exported(packed)
        content = bytearray(zipped(folder, tmp_path / "locked.zip").read_bytes())
        with zipfile.ZipFile(tmp_path / "locked.zip") as archive:
            start = archive.start_dir
        # the flags of all members in the directory say that they are encrypted
        place = content.find(b"PK\x01\x02", start)
        while place >= 0:
            content[place + 8] |= 1
            place = content.find(b"PK\x01\x02", place + 1)
        (tmp_path / "locked.zip").write_bytes(content)
        with pytest.raises(ValueError, match="checksums.json in .* cannot be read"):
            read_exported(tmp_path / "locked.zip")

    def test_other_things(self, own, folder, tmp_path):
        with pytest.raises(FileNotFoundError, match="There is nothing at"):
            read_exported(tmp_path / "nowhere")
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "data.csv").write_text("1")
        with pytest.raises(ValueError, match="it has no model.json, but 'data.csv'"):
            read_exported(tmp_path / "other")
        with pytest.raises(ValueError, match="it has no model.json, but 'data.csv'"):
            read_exported(zipped(tmp_path / "other", tmp_path / "other.zip"))
        with zipfile.ZipFile(tmp_path / "inside.zip", "w") as archive:
            archive.write(folder / "model.json", "planted/model.json")
        with pytest.raises(ValueError, match="Put the files of the folder 'planted' at the top"):
            read_exported(tmp_path / "inside.zip")
        with pytest.raises(ValueError, match="not a .zip file"):
            read_exported(tmp_path / "other" / "data.csv")
        own.save(str(tmp_path / "saved"))
        with pytest.raises(ValueError, match=r"written by ProgramVAE.save. Load it with ProgramVAE.load\("):
            read_exported(tmp_path / "saved")
        with pytest.raises(ValueError, match="a file of PyTorch, which is not opened"):
            read_exported(tmp_path / "saved" / "model.pt")
        (tmp_path / "ensemble").mkdir()
        (tmp_path / "ensemble" / "ensemble.json").write_text("{}")
        with pytest.raises(ValueError, match="ProgramEnsemble.load"):
            read_exported(tmp_path / "ensemble")

    def test_a_pickle_is_never_opened(self, folder, tmp_path):
        class Harmful:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "harm"),)

        change(folder, "weights.safetensors", lambda _: pickle.dumps(Harmful()))
        with pytest.raises(ValueError, match="not a file of safetensors"):
            read_exported(folder)
        torch.save(Harmful(), folder / "weights.safetensors")
        change(folder, "weights.safetensors", lambda content: content)
        with pytest.raises(ValueError, match="not a file of safetensors"):
            read_exported(folder)
        assert not (tmp_path / "harm").exists()

    def test_sizes_are_checked_before_reading(self, folder, tmp_path, monkeypatch):
        with (folder / "README.md").open("wb") as file:
            file.truncate(_members.LIMITS["README.md"] + 1)
        archive = zipped(folder, tmp_path / "bomb.zip", compression=zipfile.ZIP_DEFLATED)
        monkeypatch.setattr(_members, "_read", lambda file, limit: file.read(min(limit, 2**20)))
        for path in (folder, archive):
            with pytest.raises(ValueError, match="README.md in .* has 16,777,217 bytes, more than the 16,777,216"):
                read_exported(path)

    @pytest.mark.parametrize(
        "content", [b"[]", b"{", b"\xff", b"[" * 100_000, b"null"], ids=["list", "cut", "bytes", "deep", "null"]
    )
    def test_json_that_is_none(self, folder, content):
        change(folder, "model.json", lambda _: content)
        with pytest.raises(ValueError, match=r"model.json in .*(is damaged|does not describe)"):
            read_exported(folder)
        (folder / "checksums.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"checksums.json in .*(is damaged|more than)"):
            read_exported(folder)

    def test_names_in_files_are_not_used_as_paths(self, folder, tmp_path):
        (tmp_path / "secret").write_text("secret")
        sums = json.loads((folder / "checksums.json").read_text())
        (folder / "checksums.json").write_text(json.dumps({**sums, "../secret": "0" * 64, "/etc/passwd": "0"}))
        assert read_exported(folder).is_trained
        archive = zipped(folder, tmp_path / "a.zip")
        with zipfile.ZipFile(archive, "a") as opened:
            opened.writestr("../escaped", "x")
        assert read_exported(archive).is_trained and not (tmp_path.parent / "escaped").exists()

    @pytest.mark.parametrize(
        ("edit", "match"),
        [
            (lambda t: t["init"].update(n_hidden=10**12), r"weight z_encoder.context.0.weight has shape \(128, 240\)"),
            (lambda t: t["init"].update(n_unannotated=10**12), r"weight decoder.unannotated has shape \(0, 240\)"),
            (lambda t: t["init"].update(n_hidden="128"), "n_hidden='128' must be"),
            (lambda t: t["init"].update(dropout_rate=-1), "dropout_rate=-1 must be"),
            (lambda t: t["init"].update(adata="x"), "arguments of the model"),
            (lambda t: t["init"].update(gene_likelihood="x"), "gene_likelihood='x' is not one of"),
            (lambda t: t.update(reference={"$": "pickle", "value": "x"}), "unknown type 'pickle'"),
            (lambda t: t.update(gene_ids=["x"]), "identifiers of genes"),
            (lambda t: t.update(training={}), "KeyError: 'batches'"),
            (lambda t: t["training"].update(n_obs="500"), "summary of the training has other entries"),
            (lambda t: t["training"].update(batches={"key": "x", "names": "y"}), "summary of the training has other"),
            (lambda t: t.update(programs=[3]), "TypeError"),
            (lambda t: t.update(n_reference=[5]), "the reference has other categories"),
            (
                lambda t: t["registry"].update(setup_method_name="load"),
                "ProgramVAE.load and not ProgramVAE.setup_anndata",
            ),
            (lambda t: t["registry"].update(model_name="SCVI"), "SCVI.setup_anndata and not"),
            (lambda t: t["registry"]["setup_args"].update(source_registry="x"), "no such arguments: source_registry"),
            (lambda t: t["registry"]["setup_args"].update(layer={}), "layer must be names"),
            (lambda t: t["registry"]["field_registries"].pop("X"), "describes other data"),
            (
                lambda t: t["registry"]["field_registries"]["batch"]["summary_stats"].update(n_batch=10**12),
                "n_batch is not",
            ),
            (lambda t: t["prior"]["table"].update(x=3), "table of programs"),
            (lambda t: t["prior"].pop("gene"), "TypeError"),
            (lambda t: t.update({"class": "SCVI"}), "is a SCVI; only a ProgramVAE"),
            (lambda t: t.update(format="zip"), "does not describe a model of crystallin"),
            (lambda t: t.update(format_version="1"), "is damaged"),
            (lambda t: t.pop("prior"), "is damaged: it lacks 'prior'"),
        ],
    )
    def test_descriptions_that_were_changed(self, folder, edit, match):
        change_json(folder, edit)
        with pytest.raises(ValueError, match=match):
            read_exported(folder)

    @pytest.mark.parametrize(
        ("name", "edit", "match"),
        [
            (
                "module.decoder.loadings",
                lambda a: a[:-1],
                r"weight decoder.loadings has shape .* but prior and settings",
            ),
            ("module.decoder.loadings", lambda a: None, "there is no weight decoder.loadings"),
            ("module.z_encoder.log_var", lambda a: a[:-1], "weight z_encoder.log_var has shape"),
            ("module.z_encoder.log_var", lambda a: None, "z_encoder.log_var"),
            ("module.z_encoder.log_var", lambda a: a * np.nan, "weight z_encoder.log_var has NaN"),
            ("module.px_r", lambda a: a.astype(int), "weight px_r holds int64"),
            ("module.unknown", lambda a: np.ones(1), "the model has no weight 'unknown'"),
            ("module.decoder.edges.gene", lambda a: np.full(9, 10**9), "weight decoder.edges.gene"),
            ("prior.gene", lambda a: a + 10**6, "edges to a gene that does not exist"),
            ("prior.gene", lambda a: a - 10**6, "edges to a gene that does not exist"),
            ("prior.gene", lambda a: a * 0, "the prior's edges are not valid"),
            ("prior.program", lambda a: a[:-1], "the prior's program is not one position"),
            ("prior.weight", lambda a: a * np.float32(np.nan), "weights are not finite"),
            ("prior.is_decoy", lambda a: a[:-1], "the prior's is_decoy"),
        ],
    )
    def test_arrays_that_were_changed(self, folder, name, edit, match):
        def changed(arrays):
            new = edit(arrays.pop(name, None))
            if new is not None:
                arrays[name] = new

        change_arrays(folder, changed)
        with pytest.raises(ValueError, match=match):
            read_exported(folder)


def test_the_licence_of_a_loaded_model_is_kept(model, tmp_path):
    loaded = cr.load(model.export(tmp_path / "first", licence="cc-by-4.0"))
    again = cr.load(loaded.export(tmp_path / "second"))
    assert again.licence_ == "cc-by-4.0" and "license: cc-by-4.0" in again.card_
