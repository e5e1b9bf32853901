// Package trials has only tests. They run the real binary, as a process with TLS and callers on, and do to it what happens to
// a service. The short ones, of seconds, run with all other tests; `make trials` runs the longer ones too, and `make soak`
// the longest.
package trials
