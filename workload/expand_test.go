package workload

import (
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExpand_command(t *testing.T) {
	t.Parallel()
	task := Task{
		Command: "convert {{input}} {{ output }} {{stem}} {{name}} {{ext}} {{dir}} {{index}}",
		Output:  "{{stem}}.mp3",
	}
	for _, tt := range []struct{ name, want string }{
		{"a.mp4", `convert './a.mp4' './a.mp3' 'a' 'a.mp4' '.mp4' '.' '00000042'`},
		{"x/y/a.b.mp4", `convert './x/y/a.b.mp4' './x/y/a.b.mp3' 'a.b' 'a.b.mp4' '.mp4' 'x/y' '00000042'`},
		{".hidden", `convert './.hidden' './.hidden.mp3' '.hidden' '.hidden' '' '.' '00000042'`},
		{"none", `convert './none' './none.mp3' 'none' 'none' '' '.' '00000042'`},
		{"dot.", `convert './dot.' './dot.mp3' 'dot' 'dot.' '.' '.' '00000042'`},
		{"it's.mp4", `convert './it'\''s.mp4' './it'\''s.mp3' 'it'\''s' 'it'\''s.mp4' '.mp4' '.' '00000042'`},
		{"-x:y.mp4", `convert './-x:y.mp4' './-x:y.mp3' '-x:y' '-x:y.mp4' '.mp4' '.' '00000042'`},
	} {
		x, err := task.Expand(Input{Index: 42, Name: tt.name})
		require.NoError(t, err)
		require.Equal(t, tt.want, x.Command)
	}
}

func TestExpand_outputs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		output Output
		input  string
		want   ExpandedOutput
	}{
		{"beside the input", Output{File: "{{stem}}.mp3"}, "x/a.mp4", ExpandedOutput{File: "x/a.mp3"}},
		{"below the input's directory", Output{File: "mp3/{{stem}}.mp3"}, "x/a.mp4", ExpandedOutput{File: "x/mp3/a.mp3"}},
		{"where dir says", Output{File: "mp3/{{dir}}/{{stem}}.mp3"}, "x/a.mp4", ExpandedOutput{File: "mp3/x/a.mp3"}},
		{"where dir says, at the top", Output{File: "{{dir}}/{{stem}}.mp3"}, "a.mp4", ExpandedOutput{File: "a.mp3"}},
		{"by number", Output{File: "{{index}}{{ext}}"}, "x/a.mp4", ExpandedOutput{File: "x/00000007.mp4"}},
		{"not clean", Output{File: ".//{{stem}}/./{{name}}"}, "a.mp4", ExpandedOutput{File: "a/a.mp4"}},
		{"pattern", Output{Pattern: "*.png"}, "x/a.mp4", ExpandedOutput{Pattern: "*.png", To: "x/a"}},
		{"pattern to", Output{Pattern: "*.png", To: "{{dir}}/frames/{{name}}", When: OutputAlways}, "x/a.mp4",
			ExpandedOutput{Pattern: "*.png", To: "x/frames/a.mp4", Always: true}},
		{"quotes stay as they are", Output{File: "{{stem}}.mp3"}, `it's "x".mp4`, ExpandedOutput{File: `it's "x".mp3`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, err := Task{Command: "true {{input}}", Outputs: []Output{tt.output}}.Expand(Input{Index: 7, Name: tt.input})
			require.NoError(t, err)
			require.Equal(t, []ExpandedOutput{tt.want}, x.Outputs)
		})
	}
}

func TestExpand_refuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 254)
	for _, tt := range []struct{ name, output, input, want string }{
		{"not UTF-8", "{{stem}}.mp3", "a\xff.mp4", "not UTF-8"},
		{"empty name", "{{stem}}.mp3", "", "not the path of a file"},
		{"absolute name", "{{stem}}.mp3", "/etc/passwd", "not the path of a file"},
		{"name that leaves", "{{stem}}.mp3", "../a.mp4", "not the path of a file"},
		{"name that turns back", "{{stem}}.mp3", "a/../b.mp4", "not the path of a file"},
		{"double slash", "{{stem}}.mp3", "a//b.mp4", "not the path of a file"},
		{"directory", "{{stem}}.mp3", "a/", "not the path of a file"},
		{"zero byte", "{{stem}}.mp3", "a\x00.mp4", "not the path of a file"},
		{"long name", "{{stem}}.mp3", long + "xx", "at most 255 bytes"},
		{"long output", "{{stem}}.mp3", long, "at most 255 bytes"},
		{"output that leaves", "{{stem}}/x", "....mp4/...", "leaves the directory"},
		{"output that is the directory", "{{stem}}", "a/...", "leaves the directory"},
		{"empty output", "{{ext}}", "a", "not the name of a file"},
		{"absolute output", "{{ext}}/x", "a", "absolute"},
		{"reserved output", "{{stem}}.mp3", "_durabatch/a.mp4", "the run's own"},
		{"reserved directory", "{{stem}}", "_durabatch.mp4", "the run's own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Task{Command: "true {{input}}", Output: tt.output}.Expand(Input{Index: 0, Name: tt.input})
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "input ")
		})
	}
	_, err := Task{
		Command: "true", Outputs: []Output{{File: "{{stem}}.mp3"}, {File: "a.mp3"}},
	}.Expand(Input{Index: 0, Name: "a.mp4"})
	require.ErrorContains(t, err, "two of its outputs")
	_, err = Task{Command: strings.Repeat("x", maxCommand-10) + "{{input}}", Output: "x"}.Expand(Input{Index: 0, Name: "0123456789"})
	require.ErrorContains(t, err, "its command has")
	_, err = Task{Command: "{{output}}", Outputs: []Output{{Pattern: "*"}}}.Expand(Input{Index: 0, Name: "a"})
	require.ErrorContains(t, err, "needs an output with file")
}

// What bash makes of a command is the names themselves, whatever they are.
func TestExpand_hostileNamesInBash(t *testing.T) {
	t.Parallel()
	task := Task{
		Command: `printf '%s\0' {{input}} x{{stem}}y {{name}} {{ext}} {{dir}} "$(printf %s {{output}}; printf x)"`,
		Output:  "{{stem}}.out",
	}
	for i, name := range hostileNames {
		if strings.HasPrefix(name, Reserved) {
			continue // its output would be refused
		}
		x, err := task.Expand(Input{Index: int64(i), Name: name})
		require.NoError(t, err, "%q", name)
		stem, ext := splitExt(path.Base(name))
		require.Equal(t,
			[]string{"./" + name, "x" + stem + "y", path.Base(name), ext, path.Dir(name), "./" + x.Outputs[0].File + "x", ""},
			strings.Split(bash(t, x.Command), "\x00"), "%q", name)
	}
}

// The directories of outputs are there when the command runs.
func TestExpand_makesDirectories(t *testing.T) {
	t.Parallel()
	task := Task{
		Command: "cat {{input}} > {{output}} && cp {{output}} {{dir}}/'it'\\''s'/b/{{stem}}.bak && find . -type f | sort",
		Outputs: []Output{{File: "it's/{{stem}}.out"}, {File: "it's/b/{{stem}}.bak"}, {File: "{{stem}}.log"}},
	}
	x, err := task.Expand(Input{Index: 0, Name: "sub dir/a.txt"})
	require.NoError(t, err)
	require.Equal(t, "./sub dir/a.txt\n./sub dir/it's/a.out\n./sub dir/it's/b/a.bak\n",
		bash(t, "mkdir 'sub dir' && echo x > 'sub dir/a.txt' && "+x.Command))
}

// bash runs the command in a new directory and answers what it prints.
func bash(t testing.TB, command string) string {
	t.Helper()
	cmd := exec.Command("/bin/bash", "-c", command)
	cmd.Dir = t.TempDir()
	out, err := cmd.Output()
	require.NoError(t, err, command)
	return string(out)
}
