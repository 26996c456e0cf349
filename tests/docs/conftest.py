"""What a page's reader has at hand, in small."""

from __future__ import annotations

from tests.cli.conftest import model as model
from tests.cli.conftest import steadfit as steadfit
from tests.examples.conftest import tiny_reviews as tiny_reviews
