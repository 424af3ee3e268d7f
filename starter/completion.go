package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/durabatch/durabatch/workload"
)

// completionPatience is how long a shell may wait for the ids of runs.
const completionPatience = time.Second

// complete has the shells complete what each command takes, by the names that
// its usage gives its arguments.
func (s *starter) complete(cmd *cobra.Command) {
	for _, child := range cmd.Commands() {
		s.complete(child)
	}
	if cmd.ValidArgsFunction != nil || cmd.HasSubCommands() {
		return
	}
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	switch {
	case strings.HasPrefix(arguments, "FILE"):
		cmd.ValidArgsFunction = cobra.FixedCompletions([]string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt)
	case strings.HasPrefix(strings.TrimLeft(arguments, "["), "ID"):
		cmd.ValidArgsFunction = s.completeID
	default:
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	if cmd.Flags().Lookup("to") != nil {
		_ = cmd.MarkFlagDirname("to")
	}
}

// completeID offers the ids of the latest runs; those that go on alone, where
// others are of no use. Without Temporal there are none, and soon.
func (s *starter) completeID(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	quiet := *s
	quiet.patience, quiet.log, quiet.stderr = completionPatience, &diversion{to: io.Discard}, io.Discard
	t, err := quiet.connect(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer t.Close()
	query := "WorkflowType = '" + workflowType + "'"
	switch cmd.Name() {
	case "approve", "reject", "cancel", "watch":
		query += " AND ExecutionStatus = 'Running'"
	}
	if begun != "" && !strings.ContainsAny(begun, `'"\`) {
		query += " AND WorkflowId STARTS_WITH '" + begun + "'"
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	response, err := t.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 50})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, info := range response.GetExecutions() {
		id := info.GetExecution().GetWorkflowId()
		if isPrintable(id) {
			ids = append(ids, cobra.CompletionWithDesc(id, info.GetStatus().String()+" since "+timeOf(info.GetStartTime().AsTime())))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// wrongFlag says what is wrong with a flag, and which was probably meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	meant := ""
	if unknown := (*pflag.NotExistError)(nil); errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1 {
		near := workload.NewNearest(unknown.GetSpecifiedName())
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { near.Add(flag.Name) })
		if near.Best() != "" {
			meant = " Did you mean --" + near.Best() + "?"
		}
	}
	return usagef("%v.%s See: %s --help", err, meant, cmd.CommandPath())
}
