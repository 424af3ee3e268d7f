package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestEvents: one line of JSON for each thing, however hostile, and progress
// only when there is some.
func TestEvents(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := newEvents(&out)
	now := noon
	e.now = func() time.Time { return now }
	e.printf("\nCreating pool [%s]...", "x\x1b[31m")
	e.failed(workload.Failure{Name: "a\nb", TaskID: "task-00000000", Stderr: "<&>"})
	e.show(busy())
	e.show(busy())
	now = now.Add(time.Minute)
	e.show(busy())
	other := busy()
	other.Counts.Succeeded++
	e.show(other)
	fmt.Fprint(e, "one\ntwo\n")

	var told []event
	for line := range strings.Lines(out.String()) {
		var ev event
		require.NoError(t, json.Unmarshal([]byte(line), &ev), line)
		told = append(told, ev)
	}
	require.Len(t, told, 6)
	require.Equal(t, event{Time: noon, Event: "message", Message: "Creating pool [x\x1b[31m]..."}, told[0])
	require.Equal(t, "a\nb", told[1].Failure.Name)
	require.EqualValues(t, 520, told[2].Progress.Counts.Succeeded)
	require.EqualValues(t, 521, told[3].Progress.Counts.Succeeded)
	require.Equal(t, "two", told[5].Message)
	require.NotContains(t, out.String(), "\x1b")
}
