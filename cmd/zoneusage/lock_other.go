//go:build !unix

package main

import "os"

// lock does nothing: two that go on with one file at once are not told apart here.
func lock(*os.File) error { return nil }
