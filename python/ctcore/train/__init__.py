"""Training and prediction: always in a spawned child, with limits on its time and memory.

A trainer is built in (``lightgbm``), a program (``command``) or a function of the project (``callable``). Whatever it
is, it reads a file and leaves files, so a crash, a hang or a memory leak of the child is an error of the run and no
more.
"""

from ctcore.train._child import ChildLimits
from ctcore.train._train import Columns, ModelFiles, Refusal, Task, Trained, TrainPolicy, predict, prove, train

__all__ = [
    "ChildLimits",
    "Columns",
    "ModelFiles",
    "Refusal",
    "Task",
    "TrainPolicy",
    "Trained",
    "predict",
    "prove",
    "train",
]
