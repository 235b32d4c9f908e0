"""Which standard header a name is from: what a source uses it includes, itself or in its own header. A test
program's sources are compiled four at a time, so the compiler does not see what one of them lacks."""
import pathlib
import re

HEADERS = """
algorithm: sort find find_if count_if min max clamp copy fill all_of any_of none_of max_element min_element
algorithm: remove_if replace_if replace stable_partition nth_element shuffle reverse lower_bound
array: array
atomic: atomic atomic_flag atomic_ref memory_order_relaxed memory_order_acquire memory_order_release
atomic: memory_order_acq_rel memory_order_seq_cst
barrier: barrier
bit: bit_cast countr_zero countl_zero popcount bit_width has_single_bit
cctype: tolower toupper isdigit
charconv: from_chars to_chars
chrono: chrono
concepts: convertible_to same_as derived_from invocable copy_constructible move_constructible
condition_variable: condition_variable condition_variable_any cv_status
coroutine: coroutine_handle suspend_always suspend_never
cstdint: uint8_t uint16_t uint32_t uint64_t int8_t int16_t int32_t int64_t uintptr_t
cstdio: printf fprintf fflush FILE fopen fclose puts
cstdlib: abort exit _Exit getenv system
cstring: memcpy memset memmove strcmp strlen memcmp
deque: deque
exception: exception_ptr current_exception rethrow_exception make_exception_ptr uncaught_exceptions terminate
filesystem: filesystem
fstream: ifstream ofstream fstream
functional: function invoke hash less greater reference_wrapper ref cref
future: future promise shared_future packaged_task async launch future_error future_errc future_status
iostream: cout cerr cin
iterator: distance advance back_inserter
latch: latch
limits: numeric_limits
list: list
map: map multimap
memory: unique_ptr shared_ptr weak_ptr make_unique make_shared addressof destroy_at construct_at
mutex: mutex recursive_mutex timed_mutex recursive_timed_mutex lock_guard unique_lock scoped_lock call_once
mutex: once_flag adopt_lock defer_lock try_to_lock
new: bad_alloc nothrow launder align_val_t
numeric: accumulate iota
optional: optional nullopt
queue: queue priority_queue
random: mt19937 mt19937_64 random_device uniform_int_distribution
semaphore: counting_semaphore binary_semaphore
set: set multiset
shared_mutex: shared_mutex shared_lock shared_timed_mutex
span: span as_bytes as_writable_bytes
sstream: ostringstream istringstream stringstream
stdexcept: runtime_error logic_error invalid_argument out_of_range length_error overflow_error
stop_token: stop_token stop_source stop_callback nostopstate
string: string to_string stoi stoul stoull
string_view: string_view
system_error: error_code system_error errc make_error_code error_category generic_category system_category
thread: thread jthread this_thread
tuple: tuple make_tuple tie apply
type_traits: is_same_v is_void_v is_reference_v decay_t remove_cvref_t conditional_t invoke_result_t
type_traits: is_nothrow_move_constructible_v
unordered_map: unordered_map
unordered_set: unordered_set
utility: exchange pair make_pair
variant: variant monostate get_if holds_alternative visit
vector: vector
"""
HOME = {name: header for header, names in (line.split(":") for line in HEADERS.strip().splitlines())
        for name in names.split()}
INCLUDE = re.compile(r'^\s*#\s*include [<"]([^>"]+)[>"]', re.M)
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|"(?:[^"\\\n]|\\.)*"')


def included(path, roots):
    """What it includes, and what its own header does, if it is a source or a test of one; and <ramie/ramie.hpp>,
    which promises the standard headers that it includes."""
    found = set(INCLUDE.findall(path.read_text()))
    stem = path.stem.removesuffix("_test")
    own = {name for name in found if path.suffix == ".cpp" and pathlib.Path(name).stem == stem}
    for name in own | found & {"ramie/ramie.hpp"}:
        for header in (root / name for root in (path.parent, *roots)):
            if header.is_file():
                found |= set(INCLUDE.findall(header.read_text()))
    return found


def missing(path, roots):
    """[(line, header, name)]; each header once."""
    have = included(path, roots)
    result = []
    text = path.read_text()
    code = COMMENT_OR_TEXT.sub(lambda match: " " * len(match.group()), text)
    for match in re.finditer(r"\bstd::(\w+)", code):
        header = HOME.get(match.group(1))
        if header and header not in have:
            have.add(header)
            result.append((text.count("\n", 0, match.start()) + 1, header, match.group(1)))
    return result
