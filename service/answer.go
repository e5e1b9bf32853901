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

// How old a kept answer may be for a caller that does not give a max age.
const (
	// currentFor: the vendor's fair use policy allows one poll a minute.
	currentFor = time.Minute
	// closedFor: the usage of a cycle that has ended hardly changes.
	closedFor = time.Hour
	// unknownFor: a device may be added at any time.
	unknownFor = time.Minute
)

// An answer is what Control Center said of a device: its usage, encoded for each door, that it knows no such device, or an
// error. It is immutable. It is encoded once, when Control Center answers, about once a second: encoding each reply would
// cost more than the rest of it.
type answer struct {
	message mem.SliceBuffer // the response as gRPC sends it
	json    []byte          // as REST sends it
	err     error           // instead of both; beside a message without totals if only they overflow
	sent    time.Time       // when Control Center was asked, by this machine's clock: the answer is not older
	ends    time.Time       // when its cycle ends, by the same clock; zero if it had ended before
	current bool            // of the current cycle
	noUsage jasperclient.NoUsage
}

// newAnswer makes an answer of a call's outcome, or nil if Control Center said nothing of the device.
func newAnswer(query jasperclient.UsageQuery, usage *jasperclient.DeviceUsage, sent time.Time, err error) *answer {
	switch {
	case err == nil:
	case isUnknownDevice(err):
		return &answer{err: err, sent: sent}
	default:
		return nil
	}
	a := &answer{sent: sent, current: query.CycleStartDate.IsZero(), noUsage: usage.NoUsage}
	// CycleEnd is the cycle's last second. Control Center's clock may differ from this machine's, so both times are its own.
	if left := usage.CycleEnd.Add(time.Second).Sub(usage.Timestamp); left > 0 {
		a.current, a.ends = true, sent.Add(left)
	}
	a.err = a.write(convert(usage))
	return a
}

func isUnknownDevice(err error) bool {
	return err != nil && reasonOf(err) == usagev1.ErrorReason_ERROR_REASON_DEVICE_NOT_FOUND
}

// write adds the totals to a response and encodes it for both doors.
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
	// Empty lists are written. An unset optional field stays absent, because it does not mean 0.
	text, err := marshalJSON(protojson.MarshalOptions{EmitDefaultValues: true}, resp)
	if err != nil {
		return err
	}
	both := append(append(make([]byte, 0, len(message)+len(text)), message...), text...) // one allocation of the exact size
	a.message, a.json = both[:len(message):len(message)], both[len(message):]
	return nil
}

// response decodes the answer's message.
func (a *answer) response() (*usagev1.GetDeviceUsageInZoneResponse, error) {
	resp := &usagev1.GetDeviceUsageInZoneResponse{}
	return resp, proto.Unmarshal(a.message, resp)
}

// part is what the query's filters leave of the answer. It is nil if no record matches: only Control Center knows whether
// such names exist. An unknown device is the answer whatever the filters.
func (a *answer) part(query jasperclient.UsageQuery) *answer {
	if isUnknownDevice(a.err) {
		return a
	}
	if a.message == nil {
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

// fresh reports whether the answer is young enough for a caller that accepts ages up to maxAge or, if nil, does not say.
func (a *answer) fresh(maxAge *time.Duration, now time.Time) bool {
	oldest := closedFor
	switch {
	case maxAge != nil:
		oldest = *maxAge
	case isUnknownDevice(a.err):
		oldest = unknownFor
	case a.current:
		oldest = currentFor
	}
	return oldest > 0 && a.within(oldest, now)
}

// within reports whether the answer is no older than age and its cycle has not ended since.
func (a *answer) within(age time.Duration, now time.Time) bool {
	return now.Sub(a.sent) <= age && (a.ends.IsZero() || now.Before(a.ends))
}

// bytes is the memory that the answer takes in the cache: what it points to, its query and the cache's own entry.
func (a *answer) bytes(query jasperclient.UsageQuery) uint32 {
	const entry = 256 // of the cache, measured
	return uint32(entry + int(unsafe.Sizeof(*a)) + len(a.message) + len(a.json) +
		len(query.ICCID) + len(query.RatePlan) + len(query.Zone))
}
