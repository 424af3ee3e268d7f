package node

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRunReportsSuccess(t *testing.T) {
	t.Parallel()
	before := time.Now()
	r, dir := runCommand(t, `/bin/sh -c 'pwd; echo oops >&2'`)
	requireSuccess(t, r)
	require.Equal(t, filepath.Join(dir, "wd")+"\n", read(t, dir, "stdout.txt"))
	require.Equal(t, "oops\n", read(t, dir, "stderr.txt"))
	require.False(t, r.Started.Before(before))
	require.False(t, r.Ended.Before(r.Started))
	require.NoFileExists(t, filepath.Join(dir, "fileuploadout.txt"))
	require.NoFileExists(t, filepath.Join(dir, "fileuploaderr.txt"))
	require.NoDirExists(t, filepath.Join(dir, fetchDir))
}

func TestRunReportsExitCode(t *testing.T) {
	t.Parallel()
	r, _ := runCommand(t, `/bin/sh -c "exit 3"`)
	requireCode(t, FailureExitCode, UserError, r)
	require.Equal(t, int32(3), *r.ExitCode)
	require.Equal(t, []Detail{
		{"Message", "The task process exited with an unexpected exit code"},
		{"AdditionalErrorCode", "FailureExitCode"},
	}, r.Failure.Details)
}

func TestRunReportsSignalAsNegativeExitCode(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGSEGV} {
		r, _ := runCommand(t, `/bin/sh -c 'kill -`+strconv.Itoa(int(signal))+` $$'`)
		requireCode(t, FailureExitCode, UserError, r)
		require.Equal(t, -int32(signal), *r.ExitCode)
	}
}

func TestRunGivesArgumentsAsTheyAre(t *testing.T) {
	t.Parallel()
	r, dir := runCommand(t, `printf '<%s>\n' $HOME '*' "$(id)" 'a  b' "" 'it'\''s' ; | > out "line
break" a\ b 🎬`)
	requireSuccess(t, r)
	require.Equal(t, "<$HOME>\n<*>\n<$(id)>\n<a  b>\n<>\n<it's>\n<;>\n<|>\n<>>\n<out>\n<line\nbreak>\n<a b>\n<🎬>\n", read(t, dir, "stdout.txt"))
}

func TestRunNamesWhatCannotBeLaunched(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, line, code string }{
		{"missing program", "no-such-program-here -x", CommandProgramNotFound},
		{"missing path", "./no/such/program", CommandProgramNotFound},
		{"variables are not expanded", "$SHELL -c true", CommandProgramNotFound},
		{"empty", "", CommandLaunchFailed},
		{"blank", " \n\t ", CommandLaunchFailed},
		{"empty program", "'' x", CommandLaunchFailed},
		{"open single quote", "echo 'x", CommandLaunchFailed},
		{"open double quote", `echo "x`, CommandLaunchFailed},
		{"ends in backslash", `echo x\`, CommandLaunchFailed},
		{"directory", "/tmp", CommandLaunchFailed},
		{"not executable", "/etc/passwd", CommandLaunchFailed},
		{"NUL", "echo a\x00b", CommandLaunchFailed},
		{"too long", "echo " + strings.Repeat("x", 4<<20), CommandLaunchFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, dir := runCommand(t, c.line)
			requireCode(t, c.code, UserError, r)
			require.Nil(t, r.ExitCode)
			require.FileExists(t, filepath.Join(dir, "stdout.txt"))
		})
	}
}

func TestRunReportsMissingInterpreter(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o700))
	r, _ := runCommand(t, script)
	requireCode(t, CommandProgramNotFound, UserError, r)
	require.Contains(t, r.Failure.Error(), "interpreter")
}

func TestRunRefusesDirectoryThatIsNotAbsolute(t *testing.T) {
	t.Parallel()
	r := NewMachine(Options{}).Run(t.Context(), Task{Dir: "relative", CommandLine: "true"}, nil)
	requireCode(t, CommandLaunchFailed, UserError, r)
	require.NoDirExists(t, "relative")
}

// Nothing of the service's environment may reach a task: it holds the keys of
// the accounts.
func TestRunGivesCleanEnvironment(t *testing.T) {
	t.Setenv("AZURE_BATCH_ACCOUNT_KEY", "secret")
	t.Setenv("PATH", "/from/the/service:"+os.Getenv("PATH"))
	dir := filepath.Join(t.TempDir(), "task")
	r := NewMachine(Options{}).Run(t.Context(), Task{
		Dir:         dir,
		CommandLine: "env",
		Environment: []string{"AZ_BATCH_JOB_ID=job", "A=1", "A=2 = two", "EMPTY=", "AZ_BATCH_TASK_DIR=/elsewhere"},
	}, nil)
	requireSuccess(t, r)
	got := map[string]string{}
	for line := range strings.Lines(read(t, dir, "stdout.txt")) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		got[name] = value
	}
	require.NotEmpty(t, got["USER"])
	delete(got, "USER")
	require.Equal(t, map[string]string{
		"PATH":                      defaultPath,
		"HOME":                      filepath.Join(dir, "wd"),
		"LANG":                      defaultLanguage,
		"AZ_BATCH_TASK_DIR":         dir,
		"AZ_BATCH_TASK_WORKING_DIR": filepath.Join(dir, "wd"),
		"AZ_BATCH_JOB_ID":           "job",
		"A":                         "2 = two",
		"EMPTY":                     "",
	}, got)
}

func TestRunLooksProgramsUpInTheTasksPath(t *testing.T) {
	t.Parallel()
	tools := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(tools, "tool"), []byte("#!/bin/sh\necho mine\n"), 0o700))
	dir := filepath.Join(t.TempDir(), "task")
	r := NewMachine(Options{}).Run(t.Context(), Task{
		Dir: dir, CommandLine: "tool", Environment: []string{"PATH=/nowhere:" + tools + ":/bin"},
	}, nil)
	requireSuccess(t, r)
	require.Equal(t, "mine\n", read(t, dir, "stdout.txt"))
}

func TestRunHasNoTerminalAndEmptyInput(t *testing.T) {
	t.Parallel()
	r, dir := runCommand(t, `/bin/sh -c 'cat; (: </dev/tty) 2>/dev/null && echo terminal; true'`)
	requireSuccess(t, r)
	require.Empty(t, read(t, dir, "stdout.txt"))
}

func TestRunBeginsEveryTryAnew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "task")
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, []byte("keep"), 0o600))
	m := NewMachine(Options{})
	first := Task{Dir: dir, CommandLine: `/bin/sh -c 'echo first; mkdir -p a/b; touch a/b/c .hidden; chmod 500 a/b a
		ln -s / rooted; rm ../stdout.txt; ln -s ` + outside + ` ../stdout.txt; touch ../kept; exit 1'`}
	require.NotNil(t, m.Run(t.Context(), first, nil).Failure)

	requireSuccess(t, m.Run(t.Context(), Task{Dir: dir, CommandLine: `/bin/sh -c 'echo second; ls -A'`}, nil))
	require.Equal(t, "second\n", read(t, dir, "stdout.txt"))
	require.FileExists(t, filepath.Join(dir, "kept"))
	require.Equal(t, "keep", read(t, outside))
}

func TestRunDoesNotFollowAReplacedWorkingDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "task")
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "file"), nil, 0o600))
	m := NewMachine(Options{})
	requireSuccess(t, m.Run(t.Context(), Task{Dir: dir, CommandLine: `/bin/sh -c 'rmdir ../wd && ln -s ` + outside + ` ../wd'`}, nil))
	requireSuccess(t, m.Run(t.Context(), Task{Dir: dir, CommandLine: "touch made"}, nil))
	require.FileExists(t, filepath.Join(outside, "file"))
	require.NoFileExists(t, filepath.Join(outside, "made"))
	require.FileExists(t, filepath.Join(dir, "wd", "made"))
}

func TestRunOutputCanBeReadWhileItRuns(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "task")
	done := make(chan Result)
	go func() {
		done <- NewMachine(Options{}).Run(t.Context(), Task{
			Dir: dir, CommandLine: `/bin/sh -c 'echo early; while [ ! -e go ]; do sleep 0.01; done; echo late'`,
		}, nil)
	}()
	eventually(t, func() bool {
		data, _ := os.ReadFile(filepath.Join(dir, "stdout.txt"))
		return string(data) == "early\n"
	}, "the first line while the task runs")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "wd", "go"), nil, 0o600))
	requireSuccess(t, <-done)
	require.Equal(t, "early\nlate\n", read(t, dir, "stdout.txt"))
}

func TestRunElevated(t *testing.T) {
	t.Parallel()
	run := func(root, waive bool, line string) (Result, string) {
		m := NewMachine(Options{WaiveElevation: waive})
		m.root = root
		require.Equal(t, waive && !root, m.WaivesElevation())
		dir := filepath.Join(t.TempDir(), "task")
		return m.Run(t.Context(), Task{Dir: dir, CommandLine: line, Elevated: true}, nil), dir
	}
	t.Run("root", func(t *testing.T) {
		for _, waive := range []bool{false, true} {
			r, dir := run(true, waive, "true")
			requireSuccess(t, r)
			require.Empty(t, read(t, dir, "stderr.txt"))
		}
	})
	t.Run("without root", func(t *testing.T) {
		r, dir := run(false, false, "touch ran")
		requireCode(t, CommandLaunchFailed, UserError, r)
		require.Nil(t, r.ExitCode)
		require.Contains(t, r.Failure.Error(), "--waive-elevation")
		require.Contains(t, read(t, dir, "stderr.txt"), "administrator rights")
		require.NoFileExists(t, filepath.Join(dir, "wd", "ran"))
	})
	t.Run("waived, and nothing was needed", func(t *testing.T) {
		r, dir := run(false, true, "/bin/sh -c 'echo own line >&2'")
		requireSuccess(t, r)
		require.Regexp(t, `^This task asks for administrator rights.*without them.\nown line\n$`, read(t, dir, "stderr.txt"))
	})
	t.Run("waived, and something was needed", func(t *testing.T) {
		r, _ := run(false, true, "false")
		requireCode(t, FailureExitCode, UserError, r)
		require.Contains(t, r.Failure.Error(), "ran without them")
	})
}

func BenchmarkTrue(b *testing.B) {
	m := NewMachine(Options{})
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		r := m.Run(b.Context(), Task{Dir: filepath.Join(dir, strconv.Itoa(i)), CommandLine: "true"}, nil)
		require.Nil(b, r.Failure)
	}
}
