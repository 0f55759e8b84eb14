"""Adds the fetching of the dashboard's files to the build; everything else that is to say stands in setup.cfg."""

from setuptools import setup
from setuptools.command.build import build

from _build.assets import BuildAssets


class Build(build):
    """setuptools' build with the assets first: the packages' data is collected after them."""

    sub_commands = [("build_assets", None), *build.sub_commands]  # noqa: RUF012 - setuptools' own attribute


setup(cmdclass={"build": Build, "build_assets": BuildAssets})
