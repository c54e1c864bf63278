# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=False, auto_pickle=False
"""The compiled engine: what `reference` does, on pointers.

It says yes or no; the reference engine finds the words for a no. It executes op tables and knows no ASN.1 type by
name. The parts, in the order of a message's life:

    fast_fence.pxi    what sanitized builds watch besides
    fast_table.pxi    the op table as C structures
    fast_leaves.pxi   primitive contents: check them, read them
    fast_tree.pxi     DER -> checked nodes, without recursion
    fast_records.pxi  Source and View, the frozen records
    fast_fields.pxi   Field: the values of their components
    fast_write.pxi    primitive values -> DER, written backwards
    fast_encode.pxi   records, dicts and lists -> DER

Memory: nodes belong to a Source, which also keeps their bytes; a view points to its node and keeps the Source. Views
never refer back to the views that hold them, so reference counts alone free them.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    PyDateTime_Check,
    datetime_day,
    datetime_hour,
    datetime_microsecond,
    datetime_minute,
    datetime_month,
    datetime_new,
    datetime_second,
    datetime_tzinfo,
    datetime_year,
    import_datetime,
)
from cpython.dict cimport PyDict_GetItemWithError
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.number cimport PyNumber_AsSsize_t
from cpython.object cimport PyObject, PyObject_TypeCheck, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_Check, PyUnicode_DecodeASCII, PyUnicode_DecodeLatin1, PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memset

from datetime import datetime as _datetime
from datetime import timezone as _timezone
from sys import intern as _intern

from cmpcodec._engine import ops as _ops
from cmpcodec._engine import values as _values
from cmpcodec._engine.reference import answers as _answers
from cmpcodec._engine.reference import encoding as _encoding
from cmpcodec._engine.reference import leaves as _slow
from cmpcodec._engine.reference import records as _explained
from cmpcodec._engine.reference import tree as _tree
from cmpcodec.errors import DecodeError as _DecodeError
from cmpcodec.errors import EncodeError as _EncodeError
from cmpcodec.errors import LimitExceeded as _LimitExceeded
from cmpcodec.errors import counted as _counted

cdef extern from *:
    """
    /* CPython may lose a MemoryError on its way out of Python code. Since 3.12, a traceback for no exception crashes. */
    static int cmpcodec_trace(PyFrameObject *frame) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return PyTraceBack_Here(frame);
    }
    #define PyTraceBack_Here cmpcodec_trace
    """

Child = _explained.Child

import_datetime()

include "fast_fence.pxi"
include "fast_table.pxi"
include "fast_leaves.pxi"
include "fast_tree.pxi"
include "fast_write.pxi"
include "fast_encode.pxi"
include "fast_records.pxi"
include "fast_fields.pxi"
