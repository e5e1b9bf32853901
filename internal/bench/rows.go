package main

import "slices"

// A door is one of the two doors of the service.
type door string

const (
	overGRPC door = "gRPC"
	overREST door = "REST"
)

// A row is one comparison of the service with a reference.
type row struct {
	name      string
	door      door
	iccid     string // the device to ask about; empty: a new device each time, whose answer is not kept
	asShipped bool   // the Go runtime has its defaults; otherwise both sides have the same settings
	tls       bool
	raw       bool // the reference marshals nothing
	noise     bool // the reference is compared with itself
	callers   []int
	goals     []goal // for goalCallers callers, if there are several numbers of callers
}

// goalCallers is the number of callers for which a row with several numbers of callers has goals.
const goalCallers = 64

// A goal bounds the ratio of the service to the reference.
type goal struct {
	Figure  string  `json:"figure"`
	AtLeast bool    `json:"atLeast"` // otherwise at most
	Bound   float64 `json:"bound"`
}

// The figures that have ratios.
const (
	figureRPS = "rps"
	figureCPU = "CPU"
	figureP50 = "p50"
	figureP99 = "p99"
)

// rpsAndCPU is the usual pair of goals.
func rpsAndCPU(rps, cpu float64) []goal {
	return []goal{{figureRPS, true, rps}, {figureCPU, false, cpu}}
}

// The rows that the guard measures.
const guardGRPC, guardREST = "gRPC small, equal settings", "REST small, equal settings"

// allRows are all rows, in the order of the report.
func allRows() []row {
	many, one, few := []int{1, 16, goalCallers, 256}, []int{goalCallers}, []int{16}
	uncached := []goal{{figureP50, false, 1.03}, {figureP99, false, 1.10}}
	return []row{
		{name: "gRPC small, as shipped", door: overGRPC, iccid: smallICCID, asShipped: true, callers: many, goals: rpsAndCPU(1.2, 0.75)},
		{name: guardGRPC, door: overGRPC, iccid: smallICCID, callers: many, goals: rpsAndCPU(0.95, 1.05)},
		{name: "gRPC large, equal settings", door: overGRPC, iccid: largeICCID, callers: many, goals: rpsAndCPU(2.0, 0.5)},
		{name: guardREST, door: overREST, iccid: smallICCID, callers: many, goals: rpsAndCPU(0.95, 1.1)},
		{name: "REST large, equal settings", door: overREST, iccid: largeICCID, callers: many, goals: rpsAndCPU(1.8, 0.4)},
		{name: "gRPC small, TLS", door: overGRPC, iccid: smallICCID, tls: true, callers: one, goals: rpsAndCPU(0.95, 1.05)},
		{name: "gRPC large, TLS", door: overGRPC, iccid: largeICCID, tls: true, callers: one, goals: rpsAndCPU(2.0, 0.5)},
		{name: "REST small, TLS", door: overREST, iccid: smallICCID, tls: true, callers: one, goals: rpsAndCPU(0.95, 1.1)},
		{name: "REST large, TLS", door: overREST, iccid: largeICCID, tls: true, callers: one, goals: rpsAndCPU(1.8, 0.4)},
		{name: "gRPC small, chain alone", door: overGRPC, iccid: smallICCID, raw: true, callers: one, goals: []goal{{figureCPU, false, 1.15}}},
		{name: "gRPC uncached", door: overGRPC, callers: few, goals: uncached},
		{name: "REST uncached", door: overREST, callers: few, goals: uncached},
		{name: "gRPC small, noise", door: overGRPC, iccid: smallICCID, noise: true, callers: one},
		{name: "REST small, noise", door: overREST, iccid: smallICCID, noise: true, callers: one},
	}
}

// direct reports whether the reference is the upstream itself, called without any service.
func (r row) direct() bool { return r.iccid == "" }

// environment holds the variables for the Go runtime of both sides.
func (r row) environment() []string {
	if r.asShipped {
		return nil
	}
	return []string{"GOGC=" + equalGOGC}
}

// goalsFor are the goals for this number of callers.
func (r row) goalsFor(callers int) []goal {
	if len(r.callers) > 1 && callers != goalCallers {
		return nil
	}
	return slices.Clone(r.goals)
}

// reference says what the service is compared with.
func (r row) reference() string {
	switch {
	case r.noise:
		return "the reference against itself"
	case r.direct():
		return "Control Center called without the service"
	case r.raw:
		return "bare grpc-go that sends prepared bytes"
	case r.door == overGRPC:
		return "bare grpc-go"
	}
	return "bare net/http with encoding/json"
}
