"""The modules of other folders are found once the package is imported."""

import soak
