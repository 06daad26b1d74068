"""More than a hundred configurations that are wrong, each in its own way."""

from lmcore.config import section_type, to_yaml_value
from lmcore.config.schema import SECTIONS

BROKEN: dict[str, str] = {
    "a word": "hello\n",
    "a number": "12\n",
    "a list": "- model\n- training\n",
    "two documents": "model:\n  d_model: 64\n---\nmodel:\n  d_model: 32\n",
    "a tab": "model:\n\td_model: 64\n",
    "a tab after blanks": "model:\n  \td_model: 64\n",
    "an open list": "hooks: [\n",
    "open braces": "model: {d_model: 64\n",
    "a closed list too many": "hooks: []]\n",
    "an open quote": "sampling:\n  stop: 'the end\n",
    "an open double quote": 'sampling:\n  stop: "the end\nother:\n',
    "an unknown escape": 'sampling:\n  stop: "\\q"\n',
    "a backtick": "other:\n  name: `x`\n",
    "an at sign": "other:\n  name: @x\n",
    "a percent sign": "other:\n  name: %x\n",
    "a directive": "%FOO\n",
    "an old YAML": "%YAML 3.0\n---\nmodel:\n",
    "no colon": "model\n  d_model: 64\n",
    "no colon later": "model:\n  d_model: 64\ntraining\n",
    "no space after the colon": "model:\n  d_model:64\n",
    "a colon in a text": "other:\n  name: one: two\n",
    "wrong indentation": "model:\n  d_model: 64\n n_layers: 2\n",
    "more indentation": "model:\n  d_model: 64\n    n_layers: 2\n",
    "a section not indented": "model:\nd_model: 64\n",
    "an alias": "model:\n  d_model: *width\n",
    "an anchor": "model:\n  d_model: &width 64\n",
    "an anchor on a section": "model: &m\n  d_model: 64\n",
    "a merge": "model: {<<: *base}\n",
    "a tag": "model:\n  d_model: !!int 64\n",
    "a tag that runs code": "other:\n  name: !!python/object/apply:os.system [ls]\n",
    "a null character": "model:\x00\n",
    "an escape code": "other:\n  name: \x1b[2J\n",
    "half of a pair": "other:\n  name: \ud800\n",
    "a binary file": "\x7fELF\x02\x01\x01\x00",
    "depth": "[" * 300 + "]" * 300,
    "depth in braces": "{a: " * 60 + "1" + "}" * 60,
    "a list as a key": "[a, b]: 1\n",
    "braces as a key": "model:\n  {a: 1}: 2\n",
    "a duplicate section": "model:\n  d_model: 64\nmodel:\n  n_layers: 2\n",
    "a duplicate key": "model:\n  d_model: 64\n  d_model: 32\n",
    "a duplicate in braces": "model: {d_model: 64, d_model: 64}\n",
    "a section that is a number": "model: 5\n",
    "a section that is a list": "model: [1, 2]\n",
    "a section that is a text": "training: fast\n",
    "hooks as a mapping": "hooks: {name: a}\n",
    "hooks as a text": "hooks: none\n",
    "hooks of words": "hooks: [a, b]\n",
    "a hook with an unknown key": "hooks:\n  - {name: a, where: b}\n",
    "a hook of an unknown kind": "hooks:\n  - {name: a, kind: sideways}\n",
    "a hook whose arguments are a list": "hooks:\n  - {name: a, with: [1]}\n",
    "two hooks of one name": "hooks:\n  - {name: a}\n  - {name: a}\n",
    "a hook from before the start": "hooks:\n  - {name: a, from_step: -1}\n",
    "windows line ends": "model:\r\n  d_model: 64\r\n  n_heads: 0\r\n",
    "heads that do not fit": "model:\n  d_model: 100\n  n_heads: 3\n",
    "odd heads for rotary": "model:\n  d_model: 12\n  positions: rotary\n",
    "a warm-up too long": "training:\n  warmup_steps: 5000\n",
    "a decay too long": "training: {schedule: warmup_stable_decay, decay_steps: 3950}\n",
    "a minimum above the peak": "training:\n  min_learning_rate: 1\n",
    "a ramp from above": "training:\n  batch_ramp_start: 99\n",
    "a stride past the context": "evaluation:\n  stride: 257\n",
    "a file without a path": "dataset:\n  source: file\n",
    "a device of no kind": "other:\n  device: gpu\n",
    "a device with a newline": 'other:\n  device: "cpu\\n"\n',
    "not a number": "training:\n  learning_rate: .nan\n",
    "infinity": "training:\n  learning_rate: .inf\n",
    "a number of digits without end": f"other:\n  seed: {'9' * 5000}\n",
    "an exponent without end": "training:\n  learning_rate: 1e99999\n",
}

for _section in SECTIONS:
    BROKEN[f"{_section} with an unknown key"] = f"{_section}:\n  unheard_of: 1\n"
    for _name, _field in section_type(_section).model_fields.items():
        _default = _field.default
        _wrong = 3.25 if isinstance(_default, str | bool) else "wrong"
        BROKEN[f"{_section}.{_name} of the wrong type"] = f"{_section}:\n  {_name}: {to_yaml_value(_wrong)}\n"
        BROKEN[f"{_section}.{_name} as a list"] = f"{_section}: {{{_name}: [1, 2]}}\n"
        if isinstance(_default, int | float) and not isinstance(_default, bool):
            BROKEN[f"{_section}.{_name} below its bounds"] = f"{_section}:\n\n  {_name}: -1  # too low\n"
