"""The configurations that come with the lab say what the schema says, and mean what they promise."""

from pathlib import Path

import pytest

import configs
from lmcore.config import (
    TrainingConfig,
    differences,
    estimate,
    find_config,
    get_from_config,
    leaf_keys,
    list_configs,
    load_config,
    template,
)
from lmcore.config.template import refresh_comments

FOLDER = Path(configs.__file__).parent
FILES = sorted(FOLDER.glob("*.yaml"))
EXPECTED = {"baseline", "small-model", "large-model", "fast-training", "detailed-eval", "shakespeare-cpu"}


def test_the_files_that_the_lab_promises_are_there() -> None:
    assert {path.stem for path in FILES} >= EXPECTED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_valid_and_begins_with_what_it_is_for(path: Path) -> None:
    assert load_config(path).training.max_steps > 0
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_comments_are_the_schema_s_descriptions(path: Path) -> None:
    text = path.read_text()
    assert refresh_comments(text) == text, f"run `lmcore config template --refresh {path}`"


def test_comments_that_are_missing_or_old_are_refreshed() -> None:
    worn = "# Mine.\n\nmodel:\n  # An older one,\n  # in two lines.\n  d_model: 64\n  n_heads: 2\nhooks: [{name: a}]\n"
    fresh = refresh_comments(worn)
    assert load_text(fresh) == load_text(worn)
    assert "older" not in fresh and fresh.startswith("# Mine.\n\n# The Transformer")
    assert refresh_comments(fresh) == fresh
    assert refresh_comments(template()) == template()


def load_text(text: str) -> TrainingConfig:
    from lmcore.config import parse_config

    return parse_config(text)


def test_baseline_shows_every_field_and_is_what_the_lab_opens_first() -> None:
    text = (FOLDER / "baseline.yaml").read_text()
    assert all(f"  {key.split('.')[1]}: " in text for key in leaf_keys())
    config = load_config(FOLDER / "baseline.yaml")
    model = config.model
    assert (config.dataset.source, model.n_layers, model.n_heads, model.d_model) == ("tales", 4, 4, 128)
    assert model.context_length == 256


def test_the_large_model_has_about_ten_million_parameters() -> None:
    assert 10e6 < estimate(load_config(FOLDER / "large-model.yaml")).parameters < 11.5e6


def test_shakespeare_is_nanogpt_s_recipe() -> None:
    config = load_config(FOLDER / "shakespeare-cpu.yaml")
    recipe = {
        "model.n_layers": 4, "model.n_heads": 4, "model.d_model": 128, "model.context_length": 64, "model.dropout": 0.0,
        "model.bias": False, "model.positions": "learned", "model.norm": "layernorm", "model.mlp": "gelu",
        "model.tied_head": True, "model.d_mlp": None, "model.qk_norm": False, "training.batch_size": 12,
        "training.max_steps": 2000, "training.learning_rate": 1e-3, "training.min_learning_rate": 1e-4,
        "training.schedule": "cosine", "training.warmup_steps": 100, "training.beta1": 0.9, "training.beta2": 0.99,
        "training.weight_decay": 0.1, "training.gradient_clip": 1.0, "training.optimizer": "adamw",
        "dataset.validation_fraction": 0.1, "dataset.download": "tiny-shakespeare", "dataset.tokenizer": "char",
        "evaluation.batches": 0,
    }  # fmt: skip
    assert {key: get_from_config(config, key) for key in recipe} == recipe


def test_detailed_eval_moves_by_half_a_context_and_is_judged_more_often() -> None:
    config = load_config(FOLDER / "detailed-eval.yaml")
    baseline = load_config(FOLDER / "baseline.yaml")
    assert config.evaluation.stride == config.model.context_length // 2
    assert config.evaluation.interval < baseline.evaluation.interval
    learned = [found.key for found in differences(baseline, config) if found.learned]
    assert set(learned) <= {"dataset.validation_fraction"}


def test_configurations_are_found_by_name_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("baseline") == find_config("baseline.yaml") == FOLDER / "baseline.yaml"
    assert {path.stem for path in list_configs()} >= EXPECTED
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "baseline.yaml").write_text("model:\n")
    assert find_config("baseline").resolve() == tmp_path / "configs" / "baseline.yaml"
    (tmp_path / "other.yaml").write_text("model:\n")
    assert find_config("other.yaml") == Path("other.yaml")
