package service

import (
	"time"
	"unsafe"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// How old a kept answer may be for a caller who does not say.
const (
	// currentFor: the vendor's fair use policy allows to poll once a minute.
	currentFor = time.Minute
	// closedFor: the usage of a cycle that is over hardly changes.
	closedFor = time.Hour
	// unknownFor: a device may be added at any time.
	unknownFor = time.Minute
)

// An answer is what Control Center said of a device: its usage, in the form that each door sends, that it knows no such
// device, or what cannot be passed on. It does not change. The forms are made once, when Control Center has answered, which it
// does about once a second: to make them with each reply would cost more than all the rest of it.
type answer struct {
	message mem.SliceBuffer // the response as gRPC sends it
	json    []byte          // and as REST does
	err     error           // in place of both; beside the message where the totals alone are no numbers, which it lacks then
	sent    time.Time       // when Control Center was asked, by this machine's clock: the answer is no older
	ends    time.Time       // when its cycle ends, by the same clock; zero where it was over before
	current bool            // it is about the current cycle
	noUsage jasperclient.NoUsage
}

// newAnswer makes one of the outcome of a call; nil where Control Center said nothing of the device.
func newAnswer(query jasperclient.UsageQuery, usage *jasperclient.DeviceUsage, sent time.Time, err error) *answer {
	switch {
	case err == nil:
	case isUnknownDevice(err):
		return &answer{err: err, sent: sent}
	default:
		return nil
	}
	a := &answer{sent: sent, current: query.CycleStartDate.IsZero(), noUsage: usage.NoUsage}
	// The end is the cycle's last second. Control Center's clock need not be this one.
	if left := usage.CycleEnd.Add(time.Second).Sub(usage.Timestamp); left > 0 {
		a.current, a.ends = true, sent.Add(left)
	}
	a.err = a.write(convert(usage))
	return a
}

func isUnknownDevice(err error) bool {
	return reasonOf(err) == usagev1.ErrorReason_ERROR_REASON_DEVICE_NOT_FOUND
}

// write sets the forms of a response, to which it adds the totals.
func (a *answer) write(resp *usagev1.GetDeviceUsageInZoneResponse) error {
	overflow := addTotals(resp)
	if overflow != nil {
		removeTotals(resp)
	}
	message, err := proto.MarshalOptions{Deterministic: true}.Marshal(resp)
	if err != nil {
		return err
	}
	if overflow != nil {
		a.message = message
		return overflow
	}
	// An empty list is written as one; an unset optional field, which is no 0, stays absent.
	text, err := marshalJSON(protojson.MarshalOptions{EmitDefaultValues: true}, resp)
	if err != nil {
		return err
	}
	forms := append(append(make([]byte, 0, len(message)+len(text)), message...), text...) // no memory to spare
	a.message, a.json = forms[:len(message):len(message)], forms[len(message):]
	return nil
}

// response is the answer as a message.
func (a *answer) response() (*usagev1.GetDeviceUsageInZoneResponse, error) {
	resp := &usagev1.GetDeviceUsageInZoneResponse{}
	return resp, proto.Unmarshal(a.message, resp)
}

// part is the answer that the query's filters leave. It is nil where no record matches them, for then only Control Center
// knows whether there are such names; that the device is not known is an answer to whatever is asked of it.
func (a *answer) part(query jasperclient.UsageQuery) *answer {
	if a.err != nil {
		if isUnknownDevice(a.err) {
			return a
		}
		return nil
	}
	resp, err := a.response()
	if err != nil || !filter(resp, query) {
		return nil
	}
	part := &answer{sent: a.sent, ends: a.ends, current: a.current}
	part.err = part.write(resp)
	return part
}

// fresh reports whether the answer is what Control Center may be expected to say now, to a caller who takes answers up to
// an age, or does not say.
func (a *answer) fresh(maxAge *time.Duration, now time.Time) bool {
	oldest := closedFor
	switch {
	case maxAge != nil:
		oldest = *maxAge
	case a.err != nil:
		oldest = unknownFor
	case a.current:
		oldest = currentFor
	}
	return oldest > 0 && a.within(oldest, now)
}

// within reports whether the answer is of an age, and its cycle has not ended since.
func (a *answer) within(age time.Duration, now time.Time) bool {
	return now.Sub(a.sent) <= age && (a.ends.IsZero() || now.Before(a.ends))
}

// bytes is the memory that the answer takes under its query: what it points to, and what the cache has for an entry.
func (a *answer) bytes(query jasperclient.UsageQuery) uint32 {
	const entry = 256 // of the cache, measured
	return uint32(entry + int(unsafe.Sizeof(*a)) + len(a.message) + len(a.json) +
		len(query.ICCID) + len(query.RatePlan) + len(query.Zone))
}
