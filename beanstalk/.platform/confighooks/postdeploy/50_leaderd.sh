#!/bin/bash
# A change of environment properties runs only the hooks in confighooks. They may be settings of leaderd: do the same.
exec /bin/bash "$(dirname "${BASH_SOURCE[0]}")/../../hooks/postdeploy/50_leaderd.sh"
