package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// fleetSize is how many devices the long lists have.
const fleetSize = 10_000

// buildCommand builds zoneusage without the race detector: its speed and memory are those of what people run.
func buildCommand(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "zoneusage")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return binary
}

// fleetFile has the first generated devices, one a line.
func fleetFile(t *testing.T, devices int) (file string) {
	t.Helper()
	var lines strings.Builder
	for i := range devices {
		fmt.Fprintln(&lines, sandbox.GeneratedICCID(i))
	}
	file = filepath.Join(t.TempDir(), "fleet.txt")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serveFleet starts a service in front of a sandbox with generated devices, and returns its address and what starts it again.
func serveFleet(t *testing.T, binary string) (addr string, restart func()) {
	t.Helper()
	controlCenter := startBinary(t, binary, nil, "sandbox", "--addr=127.0.0.1:0", "--devices=100000", "--clock", exampleClock)
	url, _, _ := strings.Cut(controlCenter.printed(t, "Control Center's sandbox listens on "), ". ")
	serveOn := func(addr string) *process {
		return startBinary(t, binary, []string{
			"ZONEUSAGE_CONTROL_CENTER_URL=" + url, "ZONEUSAGE_USERNAME=sandbox", "ZONEUSAGE_API_KEY=sandbox",
		}, "serve", "--grpc-addr", addr, "--http-addr=127.0.0.1:0", "--admin-addr=", "--log-successes=0",
			"--calls-in-flight=100", "--calls-per-second=10000")
	}
	p := serveOn("127.0.0.1:0")
	addr = p.logged(t, "serving")["grpc_addr"].(string)
	return addr, func() {
		p.signal(t, syscall.SIGTERM)
		p.exitCode()
		p = serveOn(addr)
		p.logged(t, "serving")
	}
}

func TestGetAsksAboutManyDevices(t *testing.T) {
	binary := buildCommand(t)
	addr, restart := serveFleet(t, binary)
	t.Run("killed", func(t *testing.T) { testKilled(t, binary, addr) })
	t.Run("restarted", func(t *testing.T) { testRestarted(t, binary, addr, restart) })
	t.Run("memory", func(t *testing.T) { testMemory(t, binary, addr) })
	t.Run("bar", func(t *testing.T) { testBar(t, binary, addr) })
}

// fleetRows are the rows that a file of the whole fleet has: device, rate plan, version, zone and data, as a sandbox of the
// test's own has them.
func fleetRows(t *testing.T) []string {
	t.Helper()
	at, err := time.Parse(time.RFC3339, exampleClock)
	if err != nil {
		t.Fatal(err)
	}
	controlCenter, err := sandbox.New(sandbox.WithDevices(fleetSize), sandbox.WithClock(func() time.Time { return at }))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for i := range fleetSize {
		iccid := sandbox.GeneratedICCID(i)
		call := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/rws/api/v1/devices/"+iccid+"/usageInZone", nil)
		call.SetBasicAuth("sandbox", "sandbox")
		answer := httptest.NewRecorder()
		controlCenter.ServeHTTP(answer, call)
		var body struct {
			Plans map[string][]struct {
				RatePlan, RatePlanVersion, Zone string
				DataUsage                       int64
			} `json:"deviceCycleUsageInZones"`
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if len(body.Plans) == 0 {
			rows = append(rows, iccid+",,,,")
		}
		for _, zones := range body.Plans { // a generated device has one
			for _, z := range zones {
				rows = append(rows, strings.Join([]string{iccid, z.RatePlan, z.RatePlanVersion, z.Zone, strconv.FormatInt(z.DataUsage, 10)}, ","))
			}
		}
	}
	return rows
}

// writtenRows are the same of a file that get wrote.
func writtenRows(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	records, err := csv.NewReader(content).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, record := range records[1:] {
		rows = append(rows, record[0]+","+strings.Join(record[4:8], ","))
	}
	return rows
}

// However often it is killed, the file has every device's rows once in the end.
func testKilled(t *testing.T, binary, addr string) {
	t.Helper()
	fleet, file := fleetFile(t, fleetSize), filepath.Join(t.TempDir(), "usage.csv")
	get := func() *exec.Cmd {
		cmd := command(t.Context(), "get", "--addr", addr, "@"+fleet, "--output=csv", "--out", file, "--resume")
		cmd.Path = binary
		return cmd
	}
	for _, size := range []int64{1, 300_000, 800_000, 1_200_000} {
		cmd := get()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		t.Logf("killed when %d bytes were written", waitForSize(t, file, size, ended))
		_ = cmd.Process.Kill() // fails when it has ended
		if err := <-ended; cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("it has ended before it was killed: %v", err)
		}
	}
	begun := time.Now()
	output, err := get().CombinedOutput()
	t.Logf("the rest in %s", time.Since(begun))
	if err != nil || len(output) > 0 {
		t.Fatalf("%v\n%s", err, output)
	}
	if diff := cmp.Diff(fleetRows(t), writtenRows(t, file)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A service that is away for a moment costs time and nothing else.
func testRestarted(t *testing.T, binary, addr string, restart func()) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "usage.csv")
	cmd := command(t.Context(), "get", "--addr", addr, "@"+fleetFile(t, fleetSize), "--output=csv", "--out", file, "--retries=8")
	cmd.Path = binary
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	waitForSize(t, file, 300_000, ended)
	restart()
	if err := <-ended; err != nil || said.Len() > 0 {
		t.Errorf("%v\n%s", err, &said)
	}
	if diff := cmp.Diff(fleetRows(t), writtenRows(t, file)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// waitForSize waits until a file has so many bytes.
func waitForSize(t *testing.T, file string, size int64, ended <-chan error) int64 {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		if info, err := os.Stat(file); err == nil && info.Size() >= size {
			return info.Size()
		}
		select {
		case <-ticker.C:
		case err := <-ended:
			t.Fatalf("it has ended before it had written %d bytes: %v", size, err)
		}
	}
}

// A list that is twenty times as long takes the same memory.
func testMemory(t *testing.T, binary, addr string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("it reads /proc")
	}
	for _, output := range []string{"csv", "json", "yaml", "table"} {
		const few = fleetSize / 20
		less, more := peakMemory(t, binary, addr, output, few), peakMemory(t, binary, addr, output, fleetSize)
		t.Logf("%s: at most %d KiB for %d devices, %d KiB for %d", output, less, few, more, fleetSize)
		const bound = 8 << 10 // all answers kept would be twice as much
		if more-less > bound {
			t.Errorf("%s: %d KiB more; want at most %d", output, more-less, bound)
		}
	}
}

// peakMemory is the most memory, in KiB, that get has had when it has printed all and waits for more on standard input. The
// Maxrss of a process that has ended would not do: it also counts the process that started it, until the exec.
func peakMemory(t *testing.T, binary, addr, output string, devices int) (kib int) {
	t.Helper()
	cmd := command(t.Context(), "get", "--addr", addr, "--output", output, "@"+fleetFile(t, devices-1), "-")
	cmd.Path, cmd.Stderr = binary, os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	printed, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := sandbox.GeneratedICCID(devices - 1)
	fmt.Fprintln(input, last)
	lines := bufio.NewScanner(printed)
	for lines.Scan() && !strings.Contains(lines.Text(), last) {
		continue
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(peak, &kib); err != nil {
		t.Fatal(err)
	}
	input.Close()
	for lines.Scan() {
		continue
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return kib
}

// On a terminal there is one bar, on one line, and what fails stands over it.
func testBar(t *testing.T, binary, addr string) {
	t.Helper()
	fleet := fleetFile(t, 200)
	primary, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer primary.Close()
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: 72}); err != nil {
		t.Fatal(err)
	}
	cmd := command(t.Context(), "get", "--addr", addr, "@"+fleet, "8999900000000999999", "--output=csv", "--out", filepath.Join(t.TempDir(), "usage.csv"))
	cmd.Path, cmd.Env = binary, append(cmd.Env, "TERM=xterm")
	cmd.Stderr = terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	shown, err := io.ReadAll(primary)
	if err != nil && !errors.Is(err, syscall.EIO) { // so Linux tells that the other end is closed
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	screen := screenOf(string(shown))
	want := []string{
		`^8999900000000999999: DEVICE_NOT_FOUND: Control Center knows no device of this ICCID in the account$`,
		`^201 of 201 █+ [\d.]+/s, \d+s, 1 failed$`,
		`^zoneusage: error: 200 answered, 1 failed$`,
	}
	if len(screen) != len(want) {
		t.Fatalf("%d lines on the terminal, want %d:\n%s", len(screen), len(want), strings.Join(screen, "\n"))
	}
	for i, pattern := range want {
		if !regexp.MustCompile(pattern).MatchString(screen[i]) {
			t.Errorf("line %d is %q, want %s", i+1, screen[i], pattern)
		}
	}
	if drawn := strings.Count(string(shown), "of 201"); drawn < 2 {
		t.Errorf("the bar was drawn %d times", drawn)
	}
}

// screenOf is what a terminal shows in the end of what was written to it.
func screenOf(written string) []string {
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(written, "\r\n", "\n"), "\n"), "\n")
	for i, line := range lines {
		lines[i] = line[strings.LastIndex(line, "\r\x1b[K")+1:]
		lines[i] = strings.TrimPrefix(lines[i], "\x1b[K")
	}
	return lines
}
