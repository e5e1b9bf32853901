//go:build !race

package service

// RaceDetector is for the tests that measure.
const RaceDetector = false
