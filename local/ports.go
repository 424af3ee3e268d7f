package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// ports are where the stack listens on loopback. They are kept for the life of
// its data: addresses with them are written into environments and histories.
type ports struct {
	Temporal int `json:"temporal"`
	UI       int `json:"ui"`
	Azurite  int `json:"azurite"`
	Batch    int `json:"batch"`
	Worker   int `json:"worker"` // metrics and health checks
	Page     int `json:"page"`   // of what runs
}

// preferredPorts are the usual ones of each service.
var preferredPorts = ports{Temporal: 7233, UI: 8233, Azurite: 10000, Batch: 10500, Worker: 9464, Page: 8234}

// each lists the ports for work on all of them.
func (p *ports) each() []*int {
	return []*int{&p.Temporal, &p.UI, &p.Azurite, &p.Batch, &p.Worker, &p.Page}
}

// reservations hold ports against other stacks of this program, which may be
// choosing at this moment, until they are closed.
type reservations []net.PacketConn

func (r reservations) close() {
	for _, c := range r {
		c.Close()
	}
}

// keptPatience is how long the ports of an earlier stack may take to be free
// again: the kernel shows a killed process as gone some time before it has
// closed all of its sockets, and clients still look for the stack there.
const keptPatience = 2 * time.Second

// choosePorts returns the ports that dir keeps, or the preferred ones at first;
// each that is taken is replaced by a free one. The choice is kept in dir.
func choosePorts(dir string) (ports, reservations, error) {
	file := filepath.Join(dir, "ports.json")
	chosen, kept, err := readPorts(file)
	if err != nil {
		return ports{}, nil, err
	}
	var patience time.Duration
	if kept {
		patience = keptPatience
	}
	until := time.Now().Add(patience)
	var held reservations
	for _, port := range chosen.each() {
		hold, err := reserveBy(until, *port)
		if err != nil {
			hold, err = reserveFree()
		}
		if err != nil {
			held.close()
			return ports{}, nil, err
		}
		held = append(held, hold)
		*port = hold.LocalAddr().(*net.UDPAddr).Port
	}
	data, err := json.Marshal(chosen)
	if err == nil {
		err = writeFile(file, append(data, '\n'))
	}
	if err != nil {
		held.close()
		return ports{}, nil, err
	}
	return chosen, held, nil
}

// readPorts returns the ports kept in file, or the preferred ones where there
// is no file.
func readPorts(file string) (chosen ports, kept bool, err error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return preferredPorts, false, nil
	}
	if err != nil {
		return ports{}, false, err
	}
	chosen = preferredPorts
	if err := json.Unmarshal(data, &chosen); err != nil {
		return ports{}, false, fmt.Errorf("%s is damaged (%w): remove it, and ports are chosen anew", file, err)
	}
	return chosen, true, nil
}

// reserveBy is reserve, tried again until that time.
func reserveBy(until time.Time, port int) (net.PacketConn, error) {
	for {
		hold, err := reserve(port)
		if err == nil || !time.Now().Before(until) {
			return hold, err
		}
		time.Sleep(probeInterval)
	}
}

// reserve holds a TCP port that nobody listens on by taking the UDP port of
// the same number, which no part uses: of two stacks that start together, one
// gets it, and the part itself can still listen.
func reserve(port int) (net.PacketConn, error) {
	addr := loopback(port)
	hold, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return nil, err
	}
	if err := free(loopback(hold.LocalAddr().(*net.UDPAddr).Port)); err != nil {
		hold.Close()
		return nil, err
	}
	return hold, nil
}

// reserveFree holds some free port.
func reserveFree() (net.PacketConn, error) {
	var errs []error
	for range 20 {
		hold, err := reserve(0)
		if err == nil {
			return hold, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("no free port found on loopback: %w", errors.Join(errs...))
}

// free returns an error when somebody listens on addr. It asks in two ways: on
// macOS one may listen where somebody else listens on all addresses.
func free(addr string) error {
	if conn, err := net.DialTimeout("tcp4", addr, time.Second); err == nil {
		conn.Close()
		return fmt.Errorf("somebody listens on %s", addr)
	}
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// loopback is the address of a port on this machine alone.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
