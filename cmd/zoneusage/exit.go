package main

import "os"

// The exit statuses besides 0 and 1. They are the usual ones of shells.
const (
	misused     = 2   // the command line is malformed
	interrupted = 130 // SIGINT or SIGTERM ended the command early
)

// exit ends the process. It replaces the status that Kong has for a malformed command line.
func exit(status int) {
	const kongMisused = 80
	if status == kongMisused {
		status = misused
	}
	os.Exit(status)
}

// An exitError is an error with an exit status. The exit status of any other error is 1.
type exitError struct {
	status int
	error
}

// ExitCode implements kong.ExitCoder.
func (e exitError) ExitCode() int { return e.status }

func (e exitError) Unwrap() error { return e.error }
