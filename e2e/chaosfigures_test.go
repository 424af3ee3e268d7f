package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/durabatch/durabatch/localbatch/faults"
)

// attempts counts the activities of runs, and how often they were tried.
func (c *chaosStack) attempts(t *testing.T, runs []*chaosRun) (activities, attempts int64) {
	t.Helper()
	for _, r := range runs {
		events := c.temporal.GetWorkflowHistory(t.Context(), r.id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			if started := event.GetActivityTaskStartedEventAttributes(); started != nil {
				activities++
				attempts += int64(started.GetAttempt())
			}
		}
	}
	return activities, attempts
}

var injected = regexp.MustCompile(`msg="a fault was injected".* action=(\w+)`)

// batchFaults counts what the Batch service says that it had go wrong, in all
// of its lives.
func (c *chaosStack) batchFaults(t *testing.T) map[faults.Do]int {
	t.Helper()
	counts := map[faults.Do]int{}
	for _, found := range injected.FindAllSubmatch(readFile(t, filepath.Join(c.dir, "batch.log")), -1) {
		counts[faults.Do(found[1])]++
	}
	return counts
}

func byKind(counts map[faults.Do]int) string {
	sum := 0
	var kinds []string
	for _, do := range slices.Sorted(maps.Keys(counts)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", do, counts[do]))
		sum += counts[do]
	}
	return fmt.Sprintf("%d (%s)", sum, strings.Join(kinds, ", "))
}
