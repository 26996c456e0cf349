"""The kernels written in C++: built once on the machine they run on, then kept.

They are plain functions over memory, called without Python's lock. A build takes some seconds and
is kept under the cache folder by the fingerprint of sources, compiler flags and torch.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from steadfit.core.atomic import atomic_file
from steadfit.core.console import note
from steadfit.core.home import home

SOURCES = Path(__file__).parent / "native"
# Four ways to multiply, each with the instructions it needs; the first that can be is taken.
AVX2 = ("avx2", "fma3")
VNNI = (*AVX2, "avx512_f", "avx512_bw", "avx512_vl", "avx512_dq", "avx512_vnni")
AVX512 = (*VNNI, "avx512_bf16")
AMX = (*AVX512, "amx_tile", "amx_bf16", "amx_int8")
WAYS = {"amx": AMX, "avx512": AVX512, "vnni": VNNI, "avx2": AVX2}
_FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-fopenmp", "-fno-exceptions")
_BUILD_SECONDS = 300

# The arguments of each function: p a pointer, n a number of 64 bits, u the same without sign, w one
# of 32 bits without sign, f a float32.
_KINDS = {
    "p": ctypes.c_void_p,
    "n": ctypes.c_int64,
    "u": ctypes.c_uint64,
    "w": ctypes.c_uint32,
    "f": ctypes.c_float,
}
_SIGNATURES = {
    "steadfit_prefer_large_pages": "pn",
    "steadfit_random_bits": "uwnpn",
    "steadfit_pack_gates": "pnnnnpfpn",
    "steadfit_to_steps": "pnnnnnppnn",
    "steadfit_project": "pnnpnpn",
    "steadfit_lstm_forward": "nnnnppppppnnnn",
    "steadfit_project_int8": "pnnpppnpn",
    "steadfit_lstm_forward_int8": "nnnnpppppppnnn",
    "steadfit_lstm_backward": "nnnnppppnnpppn",
    "steadfit_input_gradient": "pnnnpnppn",
    "steadfit_weight_gradient": "pnnnpnnpfpn",
    "steadfit_token_scores": "pnppnnppppn",
    "steadfit_cross_entropy_gradients": "pnppnnppfpppn",
}


class NativeError(RuntimeError):
    """The kernels cannot be built or run here; the message says what is missing."""


@functools.cache
def missing_instructions() -> tuple[str, ...]:
    """Return the instructions that the kernels need and this processor has not."""
    if not sys.platform.startswith("linux"):
        return AVX2
    has = instructions()
    return tuple(name for name in AVX2 if not has[name])


def instructions() -> dict[str, bool]:
    """Tell which of the instructions that matter for speed this processor has."""
    has: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return {name: bool(has.get(name)) for name in WAYS["amx"]}


def ways() -> tuple[str, ...]:
    """Return how this processor can multiply, of `WAYS`, the fastest first."""
    has = instructions()
    return tuple(way for way, needed in WAYS.items() if all(map(has.__getitem__, needed)))


def compiler() -> str | None:
    """Return the path of the C++ compiler that would build the kernels; None if there is none."""
    return next(filter(None, map(shutil.which, ("g++", "c++", "clang++"))), None)


@functools.cache
def library() -> ctypes.CDLL:
    """Return the built kernels, building them if need be.

    Raises:
        NativeError: the processor lacks an instruction, there is no compiler, or it fails.
    """
    missing = missing_instructions()
    if missing and not sys.platform.startswith("linux"):
        raise NativeError(f"they are for Linux, and this is {sys.platform}")
    if missing:
        raise NativeError(f"this processor has no {', '.join(missing)}")
    path = _built()
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise NativeError(f"{path} cannot be loaded ({error})") from error
    if code := loaded.steadfit_ready():
        raise NativeError(f"the system does not give AMX to this process (error {code})")
    for name, kinds in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = [_KINDS[kind] for kind in kinds], None
    return loaded


def workspace(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return a tensor of any numbers, on large pages where the system has them.

    PyTorch's default type and device do not count: kernels read float32 in this machine's memory.
    """
    tensor = torch.empty(shape, dtype=dtype, device="cpu")
    library().steadfit_prefer_large_pages(tensor.data_ptr(), tensor.nbytes)
    return tensor


def at(tensor: torch.Tensor | None) -> int | None:
    """Return where a tensor's numbers begin, as the kernels take it."""
    return None if tensor is None else tensor.data_ptr()


def _built() -> Path:
    """Return the path of the library of these sources."""
    files = sorted(SOURCES.glob("*.[ch]*"))
    digest = hashlib.sha256(repr((_flags(), torch.__version__, sys.platform)).encode())
    for file in files:
        digest.update(file.read_bytes())
    path = home() / "kernels" / f"{digest.hexdigest()[:24]}.so"
    if path.exists():
        return path
    found = compiler()
    if found is None:
        raise NativeError("there is no C++ compiler (g++, c++ or clang++)")
    note("Building Steadfit's kernels for this processor: once, for some seconds.")
    try:
        with tempfile.TemporaryDirectory() as folder, atomic_file(path) as out:
            fresh = Path(folder) / "kernels.so"
            _build(found, [str(file) for file in files if file.suffix == ".cpp"], str(fresh))
            out.write(fresh.read_bytes())
    except OSError as error:
        raise NativeError(f"{path} cannot be written ({error})") from error
    return path


def _flags() -> tuple[str, ...]:
    """Return the compiler's flags for this processor."""
    return _FLAGS + tuple(map(_flag, WAYS[ways()[0]]))


def _flag(instruction: str) -> str:
    if instruction == "fma3":
        return "-mfma"
    return "-m" + instruction.replace("_", "-" if instruction.startswith("amx") else "")


def _build(program: str, sources: list[str], out: str) -> None:
    # Torch brings OpenMP along. A second copy would have threads of its own beside torch's.
    openmp = [str(file) for file in (Path(torch.__file__).parent / "lib").glob("libgomp*")]
    command = [program, *_flags(), *sources, "-Wl,--as-needed", *openmp, "-o", out]
    try:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_BUILD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise NativeError(f"{program} took more than {_BUILD_SECONDS} s") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines() or ["no message"]
        raise NativeError(f"{program} failed: {next((x for x in lines if 'error' in x), lines[0])}")
