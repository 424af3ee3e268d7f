package activities

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	shellquote "github.com/kballard/go-shellquote"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// hostile are names that people's files really have, and some that nobody's
// should.
var hostile = []string{
	"plain.mp4", "a b.mp4", "it's.mp4", `say "hi".mp4`, "$(reboot).mp4", "`reboot`.mp4", "new\nline.mp4",
	"-x.mp4", "100%20.mp4", "a#b?c&d.mp4", `back\slash.mp4`, "🎬.mp4", "שלום.mp4", strings.Repeat("n", 200) + ".mp4",
	"one/same.mp4", "two/same.mp4", ".hidden", "noextension", "a*[b]{c}.mp4", "$HOME!~^.mp4", ".dir/x.mp4", `a b'c$(reboot)"; -x.mp4`,
}

func testActivities(t *testing.T) *Activities {
	t.Helper()
	storage, err := azure.NewStorage(azure.Config{
		StorageConnectionString: "DefaultEndpointsProtocol=http;AccountName=acct;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:1/acct",
	})
	require.NoError(t, err)
	return &Activities{Storage: storage}
}

// TestCommandLineRunsForHostileNames splits each command line as Batch does,
// runs it where its input is, and looks for what its output files name.
func TestCommandLineRunsForHostileNames(t *testing.T) {
	t.Parallel()
	in := SubmitInput{
		Task:           workload.Task{Command: "cp {{input}} {{output}}", Output: "{{stem}}.out"},
		InputContainer: "in", Access: Access{Until: time.Now().Add(time.Hour)}, outputsURL: "http://127.0.0.1:1/acct/out?sas",
	}
	for i, name := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := testActivities(t).taskBody(t.Context(), in, workload.Input{Index: int64(i), Name: name, Blob: workload.BlobName(name)})
			require.NoError(t, err)
			wd := t.TempDir()
			path := filepath.Join(wd, value(body.ResourceFiles[0].FilePath))
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, os.WriteFile(path, []byte(name), 0o600))

			argv, err := shellquote.Split(value(body.CommandLine))
			require.NoError(t, err)
			run := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
			run.Dir = wd
			said, err := run.CombinedOutput()
			require.NoError(t, err, "%s", said)

			pattern := value(body.OutputFiles[1].FilePattern)
			require.True(t, isPlain(pattern), pattern)
			got, err := os.ReadFile(filepath.Join(wd, pattern))
			require.NoError(t, err)
			require.Equal(t, name, string(got))
		})
	}
}

func TestTaskKeepsItsExitCodeThroughLinks(t *testing.T) {
	t.Parallel()
	line := bash(script("exit 7", []link{{from: "$a", to: "durabatch-output-0"}}))
	argv, err := shellquote.Split(line)
	require.NoError(t, err)
	err = exec.CommandContext(t.Context(), argv[0], argv[1:]...).Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 7, exit.ExitCode())
}

func TestTaskBodyCarriesWhatTheWorkloadSays(t *testing.T) {
	t.Parallel()
	in := SubmitInput{
		Task: workload.Task{
			Command: "true", Output: "{{stem}}.mp3", MaxRetries: 2, Timeout: workload.Duration(10 * time.Minute), Slots: 3, Elevated: true,
			Environment:   map[string]string{"B": "2", "A": "1"},
			ResourceFiles: []workload.ResourceFile{{Container: "tools", Blob: "x/preset.json", Mode: "0644"}, {Container: "tools", Prefix: "luts/", Path: "luts"}},
		},
		InputContainer: "in", Access: Access{Until: time.Now().Add(time.Hour)}, outputsURL: "OUT",
	}
	body, err := testActivities(t).taskBody(t.Context(), in, workload.Input{Index: 42, Name: "d/a.mp4", Blob: "d/a.mp4"})
	require.NoError(t, err)
	require.Equal(t, "task-00000042", *body.ID)
	require.Equal(t, `/bin/bash -c true`, *body.CommandLine)
	require.Equal(t, []string{"A", "B"}, []string{*body.EnvironmentSettings[0].Name, *body.EnvironmentSettings[1].Name})
	require.Equal(t, "PT600S", *body.Constraints.MaxWallClockTime)
	require.Equal(t, int32(2), *body.Constraints.MaxTaskRetryCount)
	require.Nil(t, body.Constraints.RetentionTime)
	require.Equal(t, int32(3), *body.RequiredSlots)
	require.Equal(t, azbatch.ElevationLevelAdmin, *body.UserIdentity.AutoUser.ElevationLevel)
	require.Len(t, body.ResourceFiles, 3)
	require.Equal(t, "x/preset.json", *body.ResourceFiles[0].FilePath)
	require.Contains(t, *body.ResourceFiles[1].StorageContainerURL, "sp=rl")
	require.Equal(t, "d/a.mp4", *body.ResourceFiles[2].FilePath)
	require.Contains(t, *body.ResourceFiles[2].HTTPURL, "sp=r&")
	require.Equal(t, "d/a.mp3", *body.OutputFiles[1].Destination.Container.Path)
}

// TestPatternsGoBelowTheirDirectory whether or not there is a wildcard in them.
func TestPatternsGoBelowTheirDirectory(t *testing.T) {
	t.Parallel()
	files, _ := outputFiles([]workload.ExpandedOutput{
		{Pattern: "frames/*.png", To: "d/clip"}, {Pattern: "log.txt", To: "d/clip"},
	}, "task-00000000", "OUT")
	require.Equal(t, "d/clip", *files[1].Destination.Container.Path)
	require.Equal(t, "d/clip/log.txt", *files[2].Destination.Container.Path)
}

// TestOneRequestHoldsAHundredTasks keeps ordinary tasks well below Batch's
// limit for one request.
func TestOneRequestHoldsAHundredTasks(t *testing.T) {
	t.Parallel()
	in := SubmitInput{
		Task:           workload.Task{Command: "ffmpeg -nostdin -i {{input}} {{output}}", Output: "{{stem}}.mp3"},
		InputContainer: "in", Access: Access{Until: time.Now().Add(time.Hour)}, outputsURL: strings.Repeat("s", 300),
	}
	body, err := testActivities(t).taskBody(t.Context(), in, workload.Input{Name: strings.Repeat("n", 200) + ".mp4", Blob: "b"})
	require.NoError(t, err)
	text, err := json.Marshal(body)
	require.NoError(t, err)
	require.Less(t, len(text)*maxTasksPerRequest, maxBytesPerRequest)
}
