package formula_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/formula"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	const (
		syntax     = formula.Syntax
		evaluation = formula.Evaluation
	)
	tests := []struct {
		text string
		kind formula.Kind
		want string
	}{
		{"", syntax, "Line 1, Col 1: the formula has no statement"},
		{" ; // nothing\n", syntax, "Line 2, Col 1: the formula has no statement"},
		{"$TargetDedicatedNodes = ", syntax, "Line 1, Col 25: a value is expected, not the end"},
		{"x = 1\ny = 2", syntax, "Line 2, Col 1: ; is expected, not y"},
		{"x = (1 + 2", syntax, "Line 1, Col 11: ) is expected, not the end"},
		{"x = 1 ? 2", syntax, "Line 1, Col 10: : is expected, not the end"},
		{"x = 5 % 2", syntax, "Line 1, Col 7: '%' means nothing here"},
		{"x = $ y", syntax, "Line 1, Col 5: a name follows after $"},
		{`x = "open`, syntax, "Line 1, Col 5: the string has no end"},
		{"é = 1", syntax, "Line 1, Col 1: 'é' means nothing here"},
		{"x = 1;\n  /* open", syntax, "Line 2, Col 3: the comment has no end"},
		{"x = 1e999", syntax, "Line 1, Col 5: 1e999 is too large a number"},
		{"x = mean(1)", syntax, "Line 1, Col 5: there is no function mean"},
		{"x = rand(1)", syntax, "Line 1, Col 5: rand does not take 1 arguments"},
		{"x = $ActiveTasks.GetSamples(1)", syntax, "Line 1, Col 18: $ActiveTasks has no method GetSamples"},
		{"x = $ActiveTasks.Count(1)", syntax, "Line 1, Col 18: Count does not take 1 arguments"},
		{"x = $TargetDedicatedNodes.Count()", syntax, "Line 1, Col 27: only the service's read-only variables have methods"},
		{"x = time().century", syntax, "Line 1, Col 12: nothing has a member century"},
		{"x = 1 .2", syntax, "Line 1, Col 7: ; is expected, not .2"},
		{"$ActiveTasks = 1", syntax, "Line 1, Col 1: $ActiveTasks can only be read"},
		{"requeue = 1", syntax, "Line 1, Col 1: requeue is a constant"},
		{"TimeInterval_Day = 1", syntax, "Line 1, Col 1: TimeInterval_Day is a constant"},
		{strings.Repeat("x=1;", 101), syntax, "Line 1, Col 401: a formula has at most 100 statements"},
		{"x = " + strings.Repeat("(", 500), syntax, "Line 1, Col 205: the expression is nested too deeply"},
		{"x = " + strings.Repeat("!", 500) + "1", syntax, "Line 1, Col 204: the expression is nested too deeply"},
		{strings.Repeat(" ", 8190) + "x=1", formula.TooLong, "Line 1, Col 1: the formula has 8193 characters, 8192 are allowed"},

		{"$something", evaluation, "Line 1, Col 1: the variable $something has no value"},
		{"x = 1;\ny = X", evaluation, "Line 2, Col 5: the variable X has no value"},
		{"x = 1 + TimeInterval_Day", evaluation, "Line 1, Col 7: + cannot be used on a double and a timeinterval"},
		{"x = 2 * [1, 2]", evaluation, "Line 1, Col 7: * cannot be used on a double and a doubleVec"},
		{"x = [1] < 2", evaluation, "Line 1, Col 9: < cannot be used on a doubleVec"},
		{"x = [1, 2] + [1]", evaluation, "Line 1, Col 12: + is for vectors of one length, these have 2 and 1 elements"},
		{"x = TimeInterval_Day * TimeInterval_Day", evaluation, "Line 1, Col 22: * cannot be used on a timeinterval and a timeinterval"},
		{"x = time() + time()", evaluation, "Line 1, Col 12: + cannot be used on a timestamp and a timestamp"},
		{"x = time() - TimeInterval_Day", evaluation, "Line 1, Col 12: - cannot be used on a timestamp and a timeinterval"},
		{`x = "a" + "b"`, evaluation, "Line 1, Col 9: + cannot be used on a string and a string"},
		{`x = -"a"`, evaluation, "Line 1, Col 5: - cannot be used on a string"},
		{"x = !TimeInterval_Day", evaluation, "Line 1, Col 5: ! cannot be used on a timeinterval"},
		{"x = 1 && time()", evaluation, "Line 1, Col 7: && is for doubles, not for a timestamp"},
		{`x = "a" || 1`, evaluation, "Line 1, Col 9: || is for doubles, not for a string"},
		{"x = [1] ? 1 : 2", evaluation, "Line 1, Col 9: a condition is a double, not a doubleVec"},
		{"x = (1).hour", evaluation, "Line 1, Col 9: a double has no member hour, a timestamp has"},
		{"x = TimeInterval_Year * 300", evaluation, "Line 1, Col 23: the interval is longer than 292 years"},
		{"x = TimeInterval_Day / 0", evaluation, "Line 1, Col 22: the interval is longer than 292 years"},
		{"x = time() + TimeInterval_Year * 200; y = x; " + strings.Repeat("y = y + TimeInterval_Year * 290;", 40), evaluation, "Line 1, Col 884: the timestamp is outside the years 1 to 9999"},
		{`x = time("9999") - time("2000")`, evaluation, "Line 1, Col 18: the interval is longer than 292 years"},
		{`x = time("yesterday")`, evaluation, `Line 1, Col 5: "yesterday" is no time such as 2026-01-31T12:00:00Z or Sat, 31 Jan 2026 12:00:00 GMT`},
		{`x = time("2026-11-23T14:00:00.123456789Z")`, evaluation, `Line 1, Col 5: "2026-11-23T14:00:00.123456789Z" is no time such as 2026-01-31T12:00:00Z or Sat, 31 Jan 2026 12:00:00 GMT`},
		{`x = time(1)`, evaluation, "Line 1, Col 5: time takes a string, not a double"},
		{`x = avg("a")`, evaluation, "Line 1, Col 5: doubles and doubleVecs are taken, not a string"},
		{"x = avg()", evaluation, "Line 1, Col 5: of a vector without elements there is no value"},
		{"x = avg($ActiveTasks.GetSample(1))", evaluation, "Line 1, Col 5: of a vector without elements there is no value"},
		{"x = std(1)", evaluation, "Line 1, Col 5: of fewer than two elements there is no standard deviation"},
		{"x = val([1], 1)", evaluation, "Line 1, Col 5: there is no element 1 in a vector of 1"},
		{"x = percentile([1], 101)", evaluation, "Line 1, Col 5: a percentile is from 0 to 100, of a vector with elements"},
		{"x = val([1], time())", evaluation, "Line 1, Col 5: the second argument is a double, not a timestamp"},
		{`x = $ActiveTasks.GetSample("a")`, evaluation, "Line 1, Col 27: samples are asked for by timestamps and timeintervals, not by a string"},
		{"x = $ActiveTasks.GetSample(-1)", evaluation, "Line 1, Col 27: a number of samples is not negative and has no other arguments beside it"},
		{"x = $ActiveTasks.GetSample(1, 100)", evaluation, "Line 1, Col 27: a number of samples is not negative and has no other arguments beside it"},
		{"x = $ActiveTasks.GetSample(TimeInterval_Day, TimeInterval_Day, time())", evaluation, "Line 1, Col 27: a percentage of samples is a double, not a timestamp"},
		{"$TargetDedicatedNodes = $ActiveTasks.GetSample(1)", evaluation, "Line 1, Col 1: $TargetDedicatedNodes takes a double, not a doubleVec"},
		{"x = 1; $TargetLowPriority = -1", evaluation, "Line 1, Col 8: $TargetLowPriorityNodes is -1, which is no number of nodes"},
		{"$TargetDedicatedNodes = 1 / 0", evaluation, "Line 1, Col 1: $TargetDedicatedNodes is Infinity, which is no number of nodes"},
		{"$TargetDedicatedNodes = 3000000000", evaluation, "Line 1, Col 1: $TargetDedicatedNodes is 3000000000, which is no number of nodes"},
		{`$NodeDeallocationOption = "TimeInterval_Day"`, evaluation, "Line 1, Col 1: $NodeDeallocationOption takes requeue, terminate, taskcompletion or retaineddata"},
		{"$NodeDeallocationOption = 1", evaluation, "Line 1, Col 1: $NodeDeallocationOption takes requeue, terminate, taskcompletion or retaineddata"},

		{"$RunningTasks.GetSample(1 * TimeInterval_Second, 0 * TimeInterval_Second, 100)", formula.InsufficientSamples,
			"Line 1, Col 24: Insufficient data from data set: $RunningTasks wanted 100%, received 0%"},
		{"x = 1;\nx = $PendingTasks.GetSample(TimeInterval_Minute * 2, 70)", formula.InsufficientSamples,
			"Line 2, Col 28: Insufficient data from data set: $PendingTasks wanted 70%, received 50%"},
		{"x = $CPUPercent", formula.InsufficientSamples, "Line 1, Col 5: Insufficient data from data set: $CPUPercent wanted 100%, received 0%"},
		{"x = $CPUPercent.HistoryBeginTime()", formula.InsufficientSamples, "Line 1, Col 33: Insufficient data from data set: $CPUPercent wanted 100%, received 0%"},
	}
	for _, test := range tests {
		_, err := evaluate(test.text, map[string][]float64{"$PendingTasks": {3, 4}})
		var wrong *formula.Error
		require.ErrorAs(t, err, &wrong, test.text)
		require.Equal(t, test.want, err.Error(), test.text)
		require.Equal(t, test.kind, wrong.Kind, test.text)
	}
}

func TestLackOfSamplesNamesTheVariable(t *testing.T) {
	t.Parallel()
	_, err := evaluate("x = $CurrentDedicated.GetSample(TimeInterval_Minute, 50)", nil)
	var wrong *formula.Error
	require.ErrorAs(t, err, &wrong)
	require.ErrorContains(t, err, "data set: $CurrentDedicated wanted 50%, received 0%")
	require.Equal(t, "$CurrentDedicatedNodes", wrong.Variable)
}

func TestResultOfAFailedEvaluation(t *testing.T) {
	t.Parallel()
	result, err := evaluate("x = 1; $TargetDedicatedNodes = 9; y = nothing; $TargetLowPriorityNodes = 9", nil)
	require.ErrorContains(t, err, "nothing has no value")
	require.Equal(t, "$TargetDedicatedNodes=9;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;x=1", result.String())
	result, err = evaluate("$TargetDedicatedNodes = -9", nil)
	require.Error(t, err)
	require.Equal(t, int32(2), result.TargetDedicatedNodes)
}

// TestHostileFormulas: none may take long, or much memory.
func TestHostileFormulas(t *testing.T) {
	t.Parallel()
	var doubling strings.Builder
	doubling.WriteString("v = vec(1, 2, 3, 4);")
	for range 40 {
		doubling.WriteString("v = vec(v, v);")
	}
	var many strings.Builder
	many.WriteString("v = vec(" + strings.Repeat("1/3,", 1000) + "1);")
	for i := range 99 {
		fmt.Fprintf(&many, "v%d=v;", i)
	}
	for text, want := range map[string]string{
		doubling.String(): "the vectors are too long",
		many.String():     "too long to be reported",
		"v = " + strings.Repeat("1+", 4000) + "1":                            "",
		"v = " + strings.Repeat("1?", 190) + "1" + strings.Repeat(":1", 190): "",
	} {
		begin := time.Now()
		_, err := evaluate(text, nil)
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
		require.Less(t, time.Since(begin), time.Second)
	}
}

func TestErrorsOfTheSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	f, err := formula.Parse("x = $ActiveTasks.Count()")
	require.NoError(t, err)
	_, err = f.Evaluate(formula.Pool{Metric: func(string) (formula.Metric, error) { return formula.Metric{}, broken }})
	require.ErrorIs(t, err, broken)
}
