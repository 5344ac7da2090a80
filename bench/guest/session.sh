# shellcheck shell=sh
# Sourced by the guest's shell: `bench COMMAND` runs a command between two lines that the suite waits for.
bench() {
  echo @start
  "$@"
  echo "@end $?"
}
