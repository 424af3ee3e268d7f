package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

// namespace is the one that Temporal's dev server makes by itself.
const namespace = "default"

// taskQueue is the product's, see its contracts. Files of one machine are moved
// on the task queue of that machine.
const taskQueue = "durabatch"

func hostTaskQueue() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("this machine's name, which its task queue carries, cannot be read: %w", err)
	}
	return taskQueue + "@" + host, nil
}

// withTemporal calls ask with a client of the stack's Temporal.
func (s *stack) withTemporal(ctx context.Context, ask func(client.Client) error) error {
	// A gRPC client that finds nobody there waits a second before it looks
	// again; a plain connection tells at once.
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", loopback(s.ports.Temporal))
	if err != nil {
		return err
	}
	conn.Close()
	c, err := client.DialContext(ctx, client.Options{
		HostPort:  loopback(s.ports.Temporal),
		Namespace: namespace,
		Logger:    log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	return ask(c)
}

// temporalAnswers returns nil when Temporal has its namespace.
func (s *stack) temporalAnswers(ctx context.Context) error {
	return s.withTemporal(ctx, func(c client.Client) error {
		_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
		return err
	})
}

// workerPolls returns nil when a worker asks for workflows and activities, and
// for the activities of this machine.
func (s *stack) workerPolls(ctx context.Context) error {
	host, err := hostTaskQueue()
	if err != nil {
		return err
	}
	return s.withTemporal(ctx, func(c client.Client) error {
		return errors.Join(
			polled(ctx, c, taskQueue, enums.TASK_QUEUE_TYPE_WORKFLOW),
			polled(ctx, c, taskQueue, enums.TASK_QUEUE_TYPE_ACTIVITY),
			polled(ctx, c, host, enums.TASK_QUEUE_TYPE_ACTIVITY),
		)
	})
}

func polled(ctx context.Context, c client.Client, queue string, kind enums.TaskQueueType) error {
	answer, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace:     namespace,
		TaskQueue:     &taskqueue.TaskQueue{Name: queue},
		TaskQueueType: kind,
	})
	if err != nil {
		return err
	}
	if len(answer.GetPollers()) == 0 {
		return fmt.Errorf("nobody polls the task queue %s yet", queue)
	}
	return nil
}
