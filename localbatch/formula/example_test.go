package formula_test

import (
	"fmt"
	"time"

	"github.com/durabatch/durabatch/localbatch/formula"
)

func ExampleFormula_Evaluate() {
	f, err := formula.Parse(`
		// A node for every four tasks that wait or run, ten at most.
		$TargetDedicatedNodes = min(10, ($PendingTasks + 3) / 4);
		$NodeDeallocationOption = taskcompletion;`)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := f.Evaluate(formula.Pool{
		Now:                  time.Now(),
		TargetDedicatedNodes: 1,
		Metric: func(variable string) (formula.Metric, error) {
			tasks := 9.0
			return formula.Metric{Now: &tasks}, nil
		},
	})
	fmt.Println(result, err)
	// Output: $TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=taskcompletion <nil>
}
