package sandbox

// Device is a device of the built-in fleet.
type Device struct {
	ICCID string // 19 or 20 digits
	Shows string // what a client can see, or get wrong, with this device
}

// Fleet lists the built-in devices, the vendor's own devices first.
func Fleet() []Device {
	var devices []Device
	for _, d := range builtIn() {
		devices = append(devices, d.Device)
	}
	return devices
}

// device is a built-in device with its usage in the current cycle and the two
// before it, newest first.
type device struct {
	Device
	cycles [3][]planUsage
}

// usageOf computes what a device used in a cycle, of the given age in cycles:
// the age serves built-in devices, the cycle generated ones.
type usageOf func(age int, c cycle) []planUsage

// find returns the usage of a device of the account.
func (s *Sandbox) find(iccid string) (usageOf, bool) {
	if d, ok := s.fleet[iccid]; ok {
		return func(age int, _ cycle) []planUsage { return d.cycles[age] }, true
	}
	i, ok := s.generated.find(iccid)
	return func(_ int, c cycle) []planUsage { return s.generated.usage(i, c) }, ok
}

// used returns an amount that was reported.
func used(amount int64) *int64 { return &amount }

// everyCycle is the usage of a device that repeats itself.
func everyCycle(usage ...planUsage) [3][]planUsage {
	return [3][]planUsage{usage, usage, usage}
}
