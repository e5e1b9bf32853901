package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// spinRole is a process that is busy until it is killed.
const spinRole = "spin"

// TestMain is also the main of the roles, for they are processes of the program that runs.
func TestMain(m *testing.M) {
	roles[spinRole] = func(ctx context.Context, _ []string) error {
		fmt.Println("busy")
		for ctx.Err() == nil {
			spun++
		}
		return nil
	}
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// spun is for the compiler, which must not find that there is nothing to do.
var spun int

func TestOptions(t *testing.T) {
	o, err := parseOptions([]string{"-run", "REST.*, 64", "-rounds=3"})
	if err != nil || o.rounds != 3 || !o.rows.MatchString("REST small, equal settings, 64 callers") || o.rows.MatchString("REST small, 16 callers") {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, args := range [][]string{{"-rounds=0"}, {"-time=0s"}, {"-run=("}, {"more"}} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
