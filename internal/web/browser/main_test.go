// Package browser has no code but tests: they use the page at / in a real Chromium, as people do. It is a module of its
// own for what that needs, chromedp above all.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// What TestMain makes: the service's binary, Chromium, and the axe-core that `make test-page` had npm install.
var (
	binary  string
	browser context.Context
	axe     string
)

// shotsVariable names a folder for what the states of the page look like; without it nothing is kept.
const shotsVariable = "SHOTS"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "zoneusage-page")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	end, err := prepare(dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(cleaned{m, func() { end(); _ = os.RemoveAll(dir) }})
}

// cleaned are the tests with what has to end before goleak looks.
type cleaned struct {
	m   *testing.M
	end func()
}

// Run implements goleak.TestingM.
func (c cleaned) Run() int {
	defer c.end()
	return c.m.Run()
}

// prepare builds the service, which is another module, from the tree around this one, and starts Chromium.
func prepare(dir string) (end func(), err error) {
	binary = filepath.Join(dir, "zoneusage")
	build := exec.Command("go", "build", "-o", binary, "./cmd/zoneusage")
	build.Dir = filepath.Join("..", "..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", build.Args, err, output)
	}
	script, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return nil, fmt.Errorf("axe-core is not installed, use make test-page: %w", err)
	}
	axe = string(script)
	allocator, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("no-proxy-server", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.UserDataDir(filepath.Join(dir, "profile")))
	chromium, cancel := chromedp.NewContext(allocator)
	end = func() {
		_ = chromedp.Cancel(chromium) // waits for its end
		cancel()
		stop()
	}
	if err := chromedp.Do(chromium); err != nil {
		end()
		return nil, fmt.Errorf("no Chromium, use make test-page: %w", err)
	}
	browser = chromium //nolint:fatcontext // it is made once, and wraps no other
	return end, nil
}
