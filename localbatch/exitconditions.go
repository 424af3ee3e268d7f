package localbatch

import (
	"fmt"
	"strings"

	"github.com/durabatch/durabatch/localbatch/node"
)

// exitConditions say what a task's end means for other tasks and for its job.
type exitConditions struct {
	ExitCodes          []exitCodeMapping      `json:"exitCodes,omitempty"`
	ExitCodeRanges     []exitCodeRangeMapping `json:"exitCodeRanges,omitempty"`
	PreProcessingError *exitOptions           `json:"preProcessingError,omitempty"`
	FileUploadError    *exitOptions           `json:"fileUploadError,omitempty"`
	Default            *exitOptions           `json:"default,omitempty"`
}

type exitCodeMapping struct {
	Code        *int32       `json:"code"`
	ExitOptions *exitOptions `json:"exitOptions"`
}

// exitCodeRangeMapping has both ends included.
type exitCodeRangeMapping struct {
	Start       *int32       `json:"start"`
	End         *int32       `json:"end"`
	ExitOptions *exitOptions `json:"exitOptions"`
}

type exitOptions struct {
	JobAction        string `json:"jobAction,omitempty"`
	DependencyAction string `json:"dependencyAction,omitempty"`
}

const (
	satisfyDependents = "satisfy"
	blockDependents   = "block"

	noJobAction        = "none"
	disableJobAction   = "disable"
	terminateJobAction = "terminate"
)

// performJobAction is the value of onTaskFailure with which jobs do what the
// exit conditions of their tasks say.
const performJobAction = "performexitoptionsjobaction"

func (e *exitConditions) check() error {
	if e == nil {
		return nil
	}
	const property = "exitConditions"
	for _, m := range e.ExitCodes {
		switch {
		case m.Code == nil:
			return missingProperty(property + ".exitCodes.code")
		case m.ExitOptions == nil:
			return missingProperty(property + ".exitCodes.exitOptions")
		}
	}
	for _, m := range e.ExitCodeRanges {
		switch {
		case m.Start == nil || m.End == nil:
			return missingProperty(property + ".exitCodeRanges.start and end")
		case m.ExitOptions == nil:
			return missingProperty(property + ".exitCodeRanges.exitOptions")
		case *m.Start > *m.End:
			return invalidProperty(property+".exitCodeRanges", fmt.Sprintf("%d-%d", *m.Start, *m.End), "a range begins with its lower end")
		}
	}
	return e.each(func(o *exitOptions) error {
		if o.JobAction != "" {
			if err := oneOf(property+".jobAction", &o.JobAction, noJobAction, disableJobAction, terminateJobAction); err != nil {
				return err
			}
		}
		if o.DependencyAction == "" {
			return nil
		}
		return oneOf(property+".dependencyAction", &o.DependencyAction, satisfyDependents, blockDependents)
	})
}

// each calls f for all options that e has.
func (e *exitConditions) each(f func(*exitOptions) error) error {
	all := []*exitOptions{e.PreProcessingError, e.FileUploadError, e.Default}
	for _, m := range e.ExitCodes {
		all = append(all, m.ExitOptions)
	}
	for _, m := range e.ExitCodeRanges {
		all = append(all, m.ExitOptions)
	}
	for _, options := range all {
		if options == nil {
			continue
		}
		if err := f(options); err != nil {
			return err
		}
	}
	return nil
}

// checkFor refuses actions that the job does not provide for (Batch REST
// reference, "ExitOptions"; .NET reference, "ExitOptions.DependencyAction").
func (e *exitConditions) checkFor(j *job) error {
	if e == nil {
		return nil
	}
	return e.each(func(o *exitOptions) error {
		switch {
		case o.JobAction != "" && j.OnTaskFailure == noAction:
			return invalidProperty("exitConditions.jobAction", o.JobAction, "the job's onTaskFailure is noaction")
		case o.DependencyAction != "" && !j.UsesTaskDependencies:
			return invalidProperty("exitConditions.dependencyAction", o.DependencyAction, "the job does not set usesTaskDependencies")
		}
		return nil
	})
}

// optionsFor are the options that apply to a result, with the service's
// defaults: without any, success satisfies and does nothing to the job, and
// every failure blocks and terminates it.
func (e *exitConditions) optionsFor(result node.Result) exitOptions {
	var options exitOptions
	if found := e.matching(result); found != nil {
		options = *found
	}
	job, dependents := noJobAction, satisfyDependents
	if result.Failure != nil {
		job, dependents = terminateJobAction, blockDependents
	}
	if options.JobAction == "" {
		options.JobAction = job
	}
	if options.DependencyAction == "" {
		options.DependencyAction = dependents
	}
	return options
}

// matching are the options that e has for a result, or nil. What is said of an
// exit code goes before what is said of a failed upload.
func (e *exitConditions) matching(result node.Result) *exitOptions {
	if e == nil {
		return nil
	}
	if code := result.ExitCode; code != nil {
		for _, m := range e.ExitCodes {
			if *m.Code == *code {
				return m.ExitOptions
			}
		}
		for _, m := range e.ExitCodeRanges {
			if *m.Start <= *code && *code <= *m.End {
				return m.ExitOptions
			}
		}
	}
	switch failure := result.Failure; {
	case failure == nil:
		return nil // the default is for failures only
	case strings.HasPrefix(failure.Code, "FileUpload") && e.FileUploadError != nil:
		return e.FileUploadError
	case result.ExitCode == nil && failure.Code != node.TaskEnded && e.PreProcessingError != nil:
		return e.PreProcessingError
	}
	return e.Default
}
