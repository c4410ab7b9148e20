"""The events that services send to functions: one sample a kind, with the meaning of every field.

``load("s3").event(bucket="photos")`` is the sample filled in; ``names()`` lists what there is. A kind is two files in this
folder: ``NAME.json``, the event with placeholders, and ``NAME.yaml``, what is known of it.
Source of the field names: AWS's guides and its published type packages, read 2026-11. The texts are our own.
"""

from lambda_sandbox.event_shapes.shape import EventShape, Field, Mode, Option, load, names

__all__ = ["EventShape", "Field", "Mode", "Option", "load", "names"]
