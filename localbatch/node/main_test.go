package node

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// serviceDir makes the test binary a service that runs one task in the
// directory it names, for a test to kill.
const serviceDir = "NODE_TEST_SERVICE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serviceDir); dir != "" {
		serve(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// serve runs a task of three processes and writes down what a real service
// would store: the group's id and its identity.
func serve(dir string) {
	task := Task{Dir: filepath.Join(dir, "task"), CommandLine: os.Getenv("NODE_TEST_COMMAND_LINE")}
	NewMachine(Options{}).Run(context.Background(), task, func(pgid int) {
		identity, err := ProcessIdentity(pgid)
		if err != nil {
			log.Fatal(err)
		}
		record := fmt.Sprintf("%d\n%s", pgid, identity)
		if err := os.WriteFile(filepath.Join(dir, "record.tmp"), []byte(record), 0o600); err != nil {
			log.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "record.tmp"), filepath.Join(dir, "record")); err != nil {
			log.Fatal(err)
		}
	})
}

// runCommand runs a command line in a fresh directory of its own.
func runCommand(t *testing.T, line string) (Result, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "task")
	return NewMachine(Options{}).Run(t.Context(), Task{Dir: dir, CommandLine: line}, nil), dir
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(data)
}

func requireCode(t *testing.T, code, category string, r Result) {
	t.Helper()
	require.NotNil(t, r.Failure)
	require.Equal(t, code, r.Failure.Code, r.Failure.Error())
	require.Equal(t, category, r.Failure.Category, r.Failure.Error())
}

func requireSuccess(t *testing.T, r Result) {
	t.Helper()
	if r.Failure != nil {
		require.FailNow(t, r.Failure.Error())
	}
	require.Equal(t, int32(0), *r.ExitCode)
}

// eventually polls: what is waited for happens in another process.
func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, 10*time.Second, 2*time.Millisecond, what)
}
