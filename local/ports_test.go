package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests that give ports back are not parallel: a process that another test
// starts holds a copy of every socket between its fork and its exec.

func TestChoosePorts(t *testing.T) {
	dir := t.TempDir()
	first, held, err := choosePorts(dir)
	require.NoError(t, err)

	other, otherHeld, err := choosePorts(t.TempDir())
	require.NoError(t, err)
	defer otherHeld.close()
	for i, port := range other.each() {
		require.NotEqual(t, *first.each()[i], *port, "two stacks chose one port")
	}

	held.close()
	again, held, err := choosePorts(dir)
	require.NoError(t, err)
	require.Equal(t, first, again, "ports are kept for the life of the data")
	held.close()
}

func TestTakenPortIsReplaced(t *testing.T) {
	dir := t.TempDir()
	first, held, err := choosePorts(dir)
	require.NoError(t, err)
	held.close()
	taken, err := net.Listen("tcp4", loopback(first.Azurite))
	require.NoError(t, err)
	defer taken.Close()

	second, held, err := choosePorts(dir)
	require.NoError(t, err)
	defer held.close()
	require.NotEqual(t, first.Azurite, second.Azurite)
	require.Equal(t, first.Batch, second.Batch)
	written, kept, err := readPorts(filepath.Join(dir, "ports.json"))
	require.NoError(t, err)
	require.True(t, kept)
	require.Equal(t, second, written)
}

// TestKeptPortIsWaitedFor: what held it may be on its way out.
func TestKeptPortIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	first, held, err := choosePorts(dir)
	require.NoError(t, err)
	held.close()
	leaving, err := net.Listen("tcp4", loopback(first.Temporal))
	require.NoError(t, err)
	time.AfterFunc(3*probeInterval, func() { leaving.Close() })

	again, held, err := choosePorts(dir)
	require.NoError(t, err)
	defer held.close()
	require.Equal(t, first, again)
}

func TestReadPorts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ports.json")
	p, kept, err := readPorts(file)
	require.NoError(t, err)
	require.False(t, kept)
	require.Equal(t, ports{Temporal: 7233, UI: 8233, Azurite: 10000, Batch: 10500, Worker: 9464, Page: 8234}, p)

	require.NoError(t, os.WriteFile(file, []byte(`{"temporal": "x"}`), 0o600))
	_, _, err = readPorts(file)
	require.ErrorContains(t, err, file)
}
