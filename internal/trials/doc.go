// Package trials has nothing but tests: they run the real binary, as a process with TLS and callers on, and do to it what
// happens to a service. Those of seconds run with all tests; `make trials` runs the longer ones too, and `make soak` the
// longest.
package trials
