"""Adds the fetching of the dashboard's files and its translations to the build; the rest stands in setup.cfg."""

from setuptools import setup
from setuptools.command.build import build

from _build.assets import BuildAssets
from _build.catalogues import BuildCatalogues


class Build(build):
    """setuptools' build with assets and translations first: the packages' data is collected after them."""

    sub_commands = [("build_assets", None), ("build_catalogues", None), *build.sub_commands]  # noqa: RUF012 - setuptools' own attribute


setup(cmdclass={"build": Build, "build_assets": BuildAssets, "build_catalogues": BuildCatalogues})
