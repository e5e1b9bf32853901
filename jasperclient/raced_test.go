//go:build race

package jasperclient_test

// raced is whether the race detector is on.
const raced = true
