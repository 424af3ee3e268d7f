package transfer

import (
	"fmt"
	"iter"
)

const (
	// leastBlock is the size of most blocks, and of the largest file that moves
	// in one request. Larger ones gain no speed and make progress coarser.
	leastBlock = 4 << 20
	// maxBlocks is how many blocks a blob may have (source: Storage REST
	// reference, Scalability targets for Blob storage).
	maxBlocks = 50_000
	// resumable is the size from which on an upload that broke off goes on block
	// by block; asking which blocks are there costs one request.
	resumable = 16 * leastBlock
)

// blockSize is the power of two that splits size into no more blocks than a
// blob may have.
func blockSize(size int64) int64 {
	block := int64(leastBlock)
	for (size+block-1)/block > maxBlocks {
		block *= 2
	}
	return block
}

// Requests is how many requests it takes to send a file of that size, when
// each succeeds at once: one, or one for each block and one that makes a blob
// of them.
func Requests(size int64) int64 {
	if size <= leastBlock {
		return 1
	}
	step := blockSize(size)
	return (size+step-1)/step + 1
}

// block is a piece of a file.
type block struct {
	index          int
	offset, length int64
}

// blocks splits a file of that size; an empty file has none.
func blocks(size int64) iter.Seq[block] {
	step := blockSize(size)
	return func(yield func(block) bool) {
		for i, offset := 0, int64(0); offset < size; i, offset = i+1, offset+step {
			if !yield(block{i, offset, min(step, size-offset)}) {
				return
			}
		}
	}
}

// fits refuses a file whose blocks are larger than all the memory there is.
func fits(size, memory int64) error {
	if step := blockSize(size); step > memory {
		return fmt.Errorf("its %d bytes need blocks of %d MiB, but transfers may use %d MiB of memory; allow them more", size, step>>20, memory>>20)
	}
	return nil
}
