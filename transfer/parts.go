package transfer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// ErrNoPart is the cause when a part is not there, or not there yet.
var ErrNoPart = errors.New("the part is not there")

// ErrBroken is the cause when a part is not what Write makes.
var ErrBroken = errors.New("it is not what was written")

// Parts is a list of records that is kept in Blob, in numbered parts of JSON
// Lines: <Prefix>/part-00000.jsonl and so on, of which one is marked the last.
// Whoever reads may follow whoever writes. A part is written whole or not at
// all, and may be written again.
type Parts[T any] struct {
	Container *container.Client
	Prefix    string // without a slash at its end
}

// Name is the blob that holds part n, from 0.
func (p Parts[T]) Name(n int) string { return fmt.Sprintf("%s/part-%05d.jsonl", p.Prefix, n) }

// lastMark is the metadata of a part that tells whether others follow.
const lastMark = "last"

// Write makes records part n. The last part, which may be empty, says that
// none follows.
func (p Parts[T]) Write(ctx context.Context, n int, last bool, records []T) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, record := range records {
		if err := encoder.Encode(record); err != nil {
			return fmt.Errorf("write %s: %w", p.Name(n), err)
		}
	}
	err := putBytes(ctx, p.Container, p.Name(n), lines.Bytes(), putOptions{
		contentType: "application/x-ndjson",
		metadata:    map[string]*string{lastMark: to.Ptr(fmt.Sprint(last))},
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", p.Name(n), err)
	}
	return nil
}

// Read gives the records of part n and whether it is the last. The cause of
// the error is ErrNoPart when there is no such part, though there is the
// container, and ErrBroken when somebody else has written it.
func (p Parts[T]) Read(ctx context.Context, n int) (records []T, last bool, err error) {
	content, metadata, err := get(ctx, p.Container, p.Name(n))
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil, false, fmt.Errorf("read %s: %w", p.Name(n), ErrNoPart)
	}
	if err == nil {
		records, err = decode[T](content)
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", p.Name(n), err)
	}
	return records, metadataValue(metadata, lastMark) == "true", nil
}

func decode[T any](lines []byte) ([]T, error) {
	records := make([]T, 0, bytes.Count(lines, []byte("\n")))
	decoder := json.NewDecoder(bufio.NewReader(bytes.NewReader(lines)))
	for {
		var record T
		err := decoder.Decode(&record)
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: record %d: %w", ErrBroken, len(records), err)
		}
		records = append(records, record)
	}
}

// All gives every record of every part in order, one part in memory at a time.
// An error, such as ErrNoPart before the last part was written, ends it.
func (p Parts[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for n := 0; ; n++ {
			records, last, err := p.Read(ctx, n)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, record := range records {
				if !yield(record, nil) {
					return
				}
			}
			if last {
				return
			}
		}
	}
}
