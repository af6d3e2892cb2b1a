"""The native half of the Python package, by CMake, and the data that it reads. See pyproject.toml."""

import os
import pathlib
import shutil
import subprocess
import sys

import setuptools
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).resolve().parent


def data_files():
    """(source, place below heatvit/share) of what the simulator reads: as cmake --install has it."""
    folders = ("configs", "traces", "models/zoo", "models/selectors/weights")
    sources = (".cpp", ".h", ".in", ".py")
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix not in sources and path.name != "CMakeLists.txt" and "__pycache__" not in path.parts:
                yield path, path.relative_to(ROOT)


class BuildPackage(build_py):
    def run(self):
        super().run()
        package = pathlib.Path(self.build_lib) / "heatvit"
        shutil.copy(ROOT / "models/selectors/heatvit_training/latency_table.py", package)
        for source, place in data_files():
            (package / "share" / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, package / "share" / place)


class BuildNative(build_ext):
    """In build/python, which run_sim.sh uses, too; HEATVIT_BUILD names a folder that is configured already."""

    def build_extension(self, extension):
        folder = pathlib.Path(os.environ.get("HEATVIT_BUILD", ROOT / "build" / "python"))
        configure = ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DHEATVIT_TESTS=OFF",
                     "-DHEATVIT_PYTHON=ON", f"-DPYTHON_EXECUTABLE={sys.executable}"]
        if "HEATVIT_BUILD" not in os.environ:
            subprocess.run(configure, check=True)
        subprocess.run(["ninja", "-C", folder, "heatvit_python"], check=True)
        target = pathlib.Path(self.get_ext_fullpath(extension.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        (built,) = (folder / "python" / "heatvit").glob("_native*.so")
        shutil.copy(built, target)


setuptools.setup(
    packages=["heatvit", "heatvit_training"],
    package_dir={"heatvit": "tb/python/heatvit", "heatvit_training": "models/selectors/heatvit_training"},
    package_data={"heatvit": ["*.pyi", "py.typed"]},
    ext_modules=[setuptools.Extension("heatvit._native", sources=[])],
    cmdclass={"build_py": BuildPackage, "build_ext": BuildNative},
)
