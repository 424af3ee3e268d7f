package node

import (
	"context"
	"net/http"
)

func confinedClient(c *http.Client) *http.Client { return c }

func (m *Machine) fetch(ctx context.Context, d *directory, files []ResourceFile) error { return nil }

func (m *Machine) upload(ctx context.Context, d *directory, t Task, code int32) error { return nil }
