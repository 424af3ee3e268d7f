package formula_test

import (
	"errors"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/formula"
)

// FuzzFormula holds whatever is parsed and evaluated to this: no panic, no
// error but those of formulas, their positions within the text, targets that
// are numbers of nodes, and an end within a second.
func FuzzFormula(f *testing.F) {
	series := map[string][]float64{"$ActiveTasks": {1, 2, 3}, "$CPUPercent": {0.5}}
	f.Fuzz(func(t *testing.T, text string) {
		begin := time.Now()
		result, err := evaluate(text, series)
		require.Less(t, time.Since(begin), time.Second)
		require.GreaterOrEqual(t, result.TargetDedicatedNodes, int32(0))
		require.GreaterOrEqual(t, result.TargetLowPriorityNodes, int32(0))
		if err == nil {
			require.Contains(t, []string{"requeue", "terminate", "taskcompletion", "retaineddata"}, result.NodeDeallocationOption)
			return
		}
		var wrong *formula.Error
		require.True(t, errors.As(err, &wrong), err)
		require.Positive(t, wrong.Line)
		require.Positive(t, wrong.Column)
		require.LessOrEqual(t, wrong.Line+wrong.Column, utf8.RuneCountInString(text)+2)
	})
}
