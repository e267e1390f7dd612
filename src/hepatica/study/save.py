"""What stays on disk: ``results.nc``, ``ensemble.nc``, ``claims.json``."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import xarray as xr

from hepatica.ensemble import write_ensemble
from hepatica.study.result import StudyResult
from hepatica.study.store import writing


def save_result(result: StudyResult, out: Path) -> None:
    """Write a result; each file appears whole or not at all.

    Parameters
    ----------
    result
        What to write.
    out
        The folder.

    Raises
    ------
    StorageError
        When a file cannot be written.
    """
    write_ensemble(result.ensemble, out / "ensemble.nc")
    _write_readouts(result, out / "results.nc")
    path = out / "claims.json"
    part = path.with_suffix(".json.part")
    with writing(path):
        part.write_text(json.dumps(as_data(result), indent=1) + "\n", encoding="utf-8")
        part.replace(path)


def _write_readouts(result: StudyResult, path: Path) -> None:
    """Write one group ``experiment/readout`` for each readout, compressed."""
    groups = {
        f"/{experiment}/{name}": array.rename(name).to_dataset()
        for experiment, readouts in result.readouts.items()
        for name, array in readouts.items()
    }
    attrs = {
        "study": result.study.id,
        "study_digest": str(result.provenance["study_digest"]),
        "model_digest": str(result.provenance["model_digest"]),
        "seed": str(result.study.seed),
        "title": result.study.title,
    }
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs)} | groups)
    encoding = {
        group: {name: {"zlib": True, "complevel": 1, "shuffle": True} for name in dataset.data_vars}
        for group, dataset in groups.items()
    }
    part = path.with_suffix(".nc.part")
    with writing(path):
        try:
            tree.to_netcdf(part, engine="h5netcdf", encoding=encoding)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def as_data(result: StudyResult) -> dict[str, object]:
    """Give the claims with their verdicts, the screening, the pathway shares and the provenance as plain data.

    Numbers that are not finite become ``None`` (not a number) or ``"inf"``, ``"-inf"``.
    """
    claims = []
    for claim in result.study.claims:
        verdicts = [asdict(v) for v in result.verdicts if v.claim == claim.id]
        before = {} if result.prior is None else {(v.claim, v.contrast, v.cell_line): v for v in result.prior.verdicts}
        for verdict in verdicts:
            prior = before.get((claim.id, verdict["contrast"], verdict["cell_line"]))
            if prior is not None:
                verdict |= {
                    "prior_probability": prior.probability,
                    "prior_error": prior.error,
                    "prior_outcome": prior.outcome,
                }
            del verdict["claim"], verdict["kind"]
        claims.append(
            {
                "id": claim.id,
                "text": claim.text,
                "source": claim.source,
                "where": claim.where,
                "kind": claim.kind,
                "verdicts": verdicts,
            }
        )
    data = {
        "study": result.study.id,
        "title": result.study.title,
        "claims": claims,
        "screening": {**result.screening.attrs, "rules": result.screening.to_dict("records")},
        "pathway": result.pathway.to_dict("records"),
        "doubts": list(result.doubts),
        "influence": result.influence.to_dict("records"),
        "decisive": result.decisive.to_dict("records"),
        "literature": result.literature.to_dict("records"),
        "failures": result.failures.to_dict("records"),
        "provenance": dict(result.provenance),
    }
    plain = _plain(data)
    assert isinstance(plain, dict)  # noqa: S101  a mapping stays one
    return plain


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
