package main

import "os"

// The exit statuses beside 0 and 1, as shells have them.
const (
	misused     = 2   // the command line is malformed
	interrupted = 130 // SIGINT or SIGTERM came before the end
)

// exit ends the process. Kong has a status of its own for a malformed command line.
func exit(status int) {
	const kongMisused = 80
	if status == kongMisused {
		status = misused
	}
	os.Exit(status)
}

// An exitError is one with an exit status; any other error has 1.
type exitError struct {
	status int
	error
}

// ExitCode implements kong.ExitCoder.
func (e exitError) ExitCode() int { return e.status }

func (e exitError) Unwrap() error { return e.error }
