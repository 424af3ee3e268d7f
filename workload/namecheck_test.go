package workload

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNameCheck(t *testing.T) {
	t.Parallel()
	beside := []Output{{File: "{{stem}}.mp3"}}
	frames := []Output{{Pattern: "*.png"}}
	for _, tt := range []struct {
		name    string
		outputs []Output
		inputs  []string
		want    []string // in the error of the last input; empty: none
	}{
		{"one name in two folders", beside, []string{"a/x.mp4", "b/x.mp4", "x.mp4"}, nil},
		{"two endings", beside, []string{"a/x.mp4", "a/x.mov"}, []string{`"a/x.mov"`, `"a/x.mp4"`, `"a/x.mp3"`}},
		{"two endings, kept", []Output{{File: "{{name}}.mp3"}}, []string{"a/x.mp4", "a/x.mov"}, nil},
		{"one name for all", []Output{{File: "all.mp3"}}, []string{"a.mp4", "b.mp4"}, []string{`"b.mp4"`, `"a.mp4"`, `"all.mp3"`}},
		{"two folders in one", []Output{{File: "{{dir}}.mp3"}}, []string{"a/x.mp4", "a/y.mp4"}, []string{`"a/y.mp4"`, `"a/x.mp4"`}},
		{"second output", []Output{{File: "{{name}}.a"}, {File: "{{index}}/../x"}}, []string{"a"}, []string{"leaves"}},
		{"case matters", beside, []string{"X.mp4", "x.mp4"}, nil},
		{"directories", frames, []string{"a/x.mp4", "a/x.mov"}, []string{`"a/x.mov"`, `"a/x.mp4"`, `"a/x"`}},
		{"file below another's directory", frames, []string{"a.mp4", "a/b.mp4"}, []string{`"a/b.mp4"`, `"a.mp4"`, `into "a"`}},
		{"directory above another's", frames, []string{"a/b.mp4", "a.mp4"}, []string{`"a.mp4"`, `"a/b.mp4"`, `"a", a directory`}},
		{"far below another's directory", frames, []string{"a.mp4", "a/b/c/d.mp4"}, []string{`"a/b/c/d.mp4"`, `"a.mp4"`}},
		{"file where another has a directory", beside, []string{"x.mp3/y.mp4", "x.mp4"}, []string{`"x.mp4"`, `"x.mp3/y.mp4"`}},
		{"own file in own directory", []Output{{Pattern: "*.png", To: "{{stem}}"}, {File: "{{stem}}/log.txt"}}, []string{"a.mp4", "b.mp4"}, nil},
		{"two patterns in one directory", []Output{{Pattern: "*.png"}, {Pattern: "*.log"}}, []string{"a.mp4", "b.mp4"}, nil},
		{"not UTF-8", beside, []string{"a.mp4", "b\xc3.mp4"}, []string{"not UTF-8"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := NewNameCheck(Task{Command: "true {{input}}", Outputs: tt.outputs})
			var err error
			for i, name := range tt.inputs {
				require.NoError(t, err)
				err = c.Add(Input{Index: int64(i), Name: name})
			}
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestNameCheck_namesBeyondTheBoundAreNumbers(t *testing.T) {
	t.Parallel()
	c := NewNameCheck(Task{Command: "true", Output: "{{stem}}.mp3"})
	c.kept = maxKeptNames
	require.NoError(t, c.Add(Input{Index: 7, Name: "a.mp4"}))
	require.ErrorContains(t, c.Add(Input{Index: 8, Name: "a.mov"}), `input "a.mov" and input number 7 would both write "a.mp3"`)
}

func TestNameCheck_hostileNames(t *testing.T) {
	t.Parallel()
	c := NewNameCheck(Task{Command: "true {{input}}", Output: "{{name}}.out"})
	for i, name := range hostileNames {
		if !strings.HasPrefix(name, Reserved) {
			require.NoError(t, c.Add(Input{Index: int64(i), Name: name}))
		}
	}
	require.ErrorContains(t, NewNameCheck(Task{Command: "{{nothing}}"}).Add(Input{Index: 0, Name: "a"}), "not a placeholder")
}

// The memory that the documentation promises: about 50 bytes an output, beside
// the names.
func BenchmarkNameCheck(b *testing.B) {
	c := NewNameCheck(Task{Command: "ffmpeg -i {{input}} {{output}}", Output: "{{stem}}.mp3"})
	c.kept = maxKeptNames
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for b.Loop() {
		if err := c.Add(Input{Index: int64(n), Name: fmt.Sprintf("folder-%d/file-%d.mp4", n/1000, n)}); err != nil {
			b.Fatal(err)
		}
		n++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "bytes/input")
	runtime.KeepAlive(c)
}
