// A stand-in for `mps:0` in host memory: device guard, hooks, storage, and one boxed kernel that
// runs any operator on CPU views of the same memory. Python passes the list of operators.
//
// An mps storage keeps the CPU storage that owns its bytes as the context of its data pointer, so
// that both always see the same memory, and views of one are views of the other.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/SequenceNumber.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/MPSHooksInterface.h>
#include <ATen/ops/empty.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/thread_name.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>

namespace {

using c10::Device;
using c10::DeviceType;
using c10::Storage;
using c10::StorageImpl;
using Stack = torch::jit::Stack;
using Callback = void (*)(const char* kind, const char* op, const char* tensors);

const Device kDevice(DeviceType::MPS, 0);
constexpr const char* kNoDouble =
    "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. "
    "Please use float32 instead.";

struct Trait {
  bool silent = false;  // the real backend runs it on the CPU, with a warning
  double factor = 1.0;  // a wrong kernel, injected: its floating results are scaled by this
};

struct State {
  unsigned macos_major = 15, macos_minor = 5;
  Callback report = nullptr;  // given: what would raise or warn is reported, and the work goes on
  std::unordered_map<std::string, Trait> traits;
  std::unordered_set<c10::OperatorHandle> reached;
  const std::thread::id first_thread = std::this_thread::get_id();  // the one that loads this
  std::atomic<int> busy{0}, waits{500};
  std::atomic<bool> threaded{false}, overlapped{false};
  std::mutex lock;
  torch::Library* aten = nullptr;
};
State& state() {
  static State* s = new State();  // never destroyed: kernels outlive static destruction
  return *s;
}

bool is_double(at::ScalarType t) {
  return t == at::kDouble || t == at::kComplexDouble;
}

// ---------------------------------------------------------------- memory

void drop_storage(void* context) {
  delete static_cast<Storage*>(context);
}

c10::DataPtr on_device(const Storage& cpu) {
  return {const_cast<void*>(cpu.data()), new Storage(cpu), &drop_storage, kDevice};
}

Storage new_cpu_storage(size_t bytes) {
  return Storage(
      Storage::use_byte_size_t(), bytes, c10::GetAllocator(DeviceType::CPU), /*resizable=*/true);
}

struct HostAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    return on_device(new_cpu_storage(bytes));
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return nullptr;
  }
  void copy_data(void* to, const void* from, size_t count) const override {
    default_copy_data(to, from, count);
  }
};
HostAllocator allocator;

Storage new_mps_storage(const Storage& cpu) {
  return c10::make_intrusive<StorageImpl>(
      StorageImpl::use_byte_size_t(), cpu.nbytes(), on_device(cpu), &allocator, true);
}

Storage cpu_storage(const Storage& mps) {
  auto* context = static_cast<Storage*>(mps.data_ptr().get_context());
  if (context != nullptr) return *context;
  Storage fresh = new_cpu_storage(mps.nbytes());
  mps.unsafeGetStorageImpl()->set_data_ptr(on_device(fresh));
  return fresh;
}

// `made`, with the shape, and the lazy bits, of `like`.
at::Tensor shaped(at::Tensor made, const at::Tensor& like) {
  auto* impl = made.unsafeGetTensorImpl();
  impl->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  if (like.unsafeGetTensorImpl()->is_wrapped_number()) impl->set_wrapped_number(true);
  made._set_conj(like.is_conj());
  made._set_neg(like.is_neg());
  return made;
}

at::Tensor tensor_over(const Storage& storage, const at::Tensor& like, c10::DispatchKey key) {
  return shaped(
      at::detail::make_tensor<c10::TensorImpl>(
          Storage(storage), c10::DispatchKeySet(key), like.dtype()),
      like);
}

// A view of `base`. It is an inference tensor only if `base` is one, whatever the mode is now.
at::Tensor view_of(const at::Tensor& base, const at::Tensor& like) {
  return shaped(
      at::detail::make_tensor<c10::TensorImpl>(
          c10::TensorImpl::VIEW, Storage(base.storage()), base.key_set(), like.dtype()),
      like);
}

// ---------------------------------------------------------------- device, hooks, generator

struct Generator final : c10::GeneratorImpl {
  explicit Generator(at::Generator cpu)
      : c10::GeneratorImpl(kDevice, c10::DispatchKeySet(c10::DispatchKey::MPS)),
        cpu_(std::move(cpu)) {}
  void set_current_seed(uint64_t seed) override { cpu_.set_current_seed(seed); }
  void set_offset(uint64_t offset) override { cpu_.set_offset(offset); }
  uint64_t get_offset() const override { return cpu_.get_offset(); }
  uint64_t current_seed() const override { return cpu_.current_seed(); }
  uint64_t seed() override { return cpu_.seed(); }
  void set_state(const c10::TensorImpl& s) override {
    cpu_.unsafeGetGeneratorImpl()->set_state(s);
  }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
    return cpu_.unsafeGetGeneratorImpl()->get_state();
  }
  Generator* clone_impl() const override { return new Generator(cpu_.clone()); }
  at::Generator cpu_;
};

struct MPSHooks final : at::MPSHooksInterface {
  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasMPS() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  bool isOnMacOSorNewer(unsigned major, unsigned minor) const override {
    const State& s = state();
    return s.macos_major > major || (s.macos_major == major && s.macos_minor >= minor);
  }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    static at::Generator made =
        at::make_generator<Generator>(at::detail::getDefaultCPUGenerator());
    return made;
  }
  at::Generator getNewGenerator(c10::DeviceIndex) const override {
    return at::make_generator<Generator>(at::detail::createCPUGenerator());
  }
  c10::Allocator* getMPSDeviceAllocator() const override { return &allocator; }
  void deviceSynchronize() const override {}
  void commitStream() const override {}
  void emptyCache() const override {}
  size_t getCurrentAllocatedMemory() const override { return 0; }
  size_t getDriverAllocatedMemory() const override { return 0; }
  size_t getRecommendedMaxMemory() const override { return size_t(8) << 30; }
  void setMemoryFraction(double) const override {}
  uint32_t acquireEvent(bool) const override { return 0; }
  void releaseEvent(uint32_t) const override {}
  void recordEvent(uint32_t) const override {}
  void waitForEvent(uint32_t) const override {}
  void synchronizeEvent(uint32_t) const override {}
  bool queryEvent(uint32_t) const override { return true; }
  double elapsedTimeOfEvents(uint32_t, uint32_t) const override { return 0; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
};

struct Guard final : c10::impl::DeviceGuardImplInterface {
  DeviceType type() const override { return DeviceType::MPS; }
  Device exchangeDevice(Device) const override { return kDevice; }
  Device getDevice() const override { return kDevice; }
  void setDevice(Device) const override {}
  void uncheckedSetDevice(Device) const noexcept override {}
  c10::Stream getStream(Device) const override {
    return c10::Stream(c10::Stream::DEFAULT, kDevice);
  }
  c10::Stream getDefaultStream(Device) const override { return getStream(kDevice); }
  c10::Stream getNewStream(Device, int) const override { return getStream(kDevice); }
  c10::Stream exchangeStream(c10::Stream) const override { return getStream(kDevice); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag)
      const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void synchronizeEvent(void*) const override {}
  void synchronizeDevice(const c10::DeviceIndex) const override {}
};

// ---------------------------------------------------------------- one kernel for every operator

// A tensor of the caller, its CPU twin (itself, if it is on the CPU), the twin's first storage.
struct Twin {
  at::Tensor own, cpu;
  Storage storage;
};
using Twins = std::vector<Twin>;

bool on_mps(const at::Tensor& t) {
  return t.device().type() == DeviceType::MPS;
}

at::Tensor to_cpu(const at::Tensor& own, Twins& twins) {
  if (!own.defined() || !own.has_storage()) return own;
  for (const Twin& twin : twins) {
    if (twin.own.is_same(own)) return twin.cpu;
  }
  if (on_mps(own)) {
    Storage shared = cpu_storage(own.storage());
    twins.push_back({own, tensor_over(shared, own, c10::DispatchKey::CPU), shared});
  } else {
    twins.push_back({own, own, own.storage()});
  }
  return twins.back().cpu;
}

c10::IValue to_cpu(const c10::IValue& value, Twins& twins) {
  if (value.isTensor()) return to_cpu(value.toTensor(), twins);
  if (value.isTensorList() || value.isOptionalTensorList()) {
    auto list = value.toList().copy();
    for (size_t i = 0; i < list.size(); ++i) list.set(i, to_cpu(list.get(i), twins));
    return list;
  }
  if (value.isDevice() && value.toDevice().type() == DeviceType::MPS) {
    return Device(DeviceType::CPU);
  }
  if (value.isGenerator() && value.toGenerator().device().type() == DeviceType::MPS) {
    return value.toGenerator().get<Generator>()->cpu_;
  }
  if (value.isStorage() && value.toStorage().device_type() == DeviceType::MPS) {
    return cpu_storage(value.toStorage());
  }
  return value;
}

at::Tensor to_mps(const at::Tensor& cpu, const Twins& twins) {
  if (!cpu.defined() || !cpu.has_storage()) return cpu;
  for (const Twin& twin : twins) {
    if (twin.cpu.is_same(cpu)) return twin.own;
  }
  for (const Twin& twin : twins) {
    if (twin.storage.is_alias_of(cpu.storage())) return on_mps(twin.own) ? view_of(twin.own, cpu) : cpu;
  }
  return tensor_over(new_mps_storage(cpu.storage()), cpu, c10::DispatchKey::MPS);
}

c10::IValue to_mps(const c10::IValue& value, const Twins& twins) {
  if (value.isTensor()) return to_mps(value.toTensor(), twins);
  if (value.isTensorList()) {
    auto list = value.toList().copy();
    for (size_t i = 0; i < list.size(); ++i) list.set(i, to_mps(list.get(i), twins));
    return list;
  }
  return value;
}

void write_back(const Twins& twins) {  // what the operator did to the shape and memory of arguments
  for (const Twin& twin : twins) {
    if (twin.own.is_same(twin.cpu)) continue;
    auto* impl = twin.own.unsafeGetTensorImpl();
    const Storage& now = twin.cpu.storage();
    if (!now.is_alias_of(twin.storage)) {  // set_
      auto other = std::find_if(twins.begin(), twins.end(), [&](const Twin& l) {
        return l.storage.is_alias_of(now);
      });
      impl->set_storage_keep_dtype(
          other == twins.end() ? new_mps_storage(now) : other->own.storage());
    } else if (
        twin.own.storage().data() != now.data() || twin.own.storage().nbytes() != now.nbytes()) {
      auto* storage = twin.own.storage().unsafeGetStorageImpl();
      storage->set_data_ptr(on_device(now));
      storage->set_nbytes(now.nbytes());
    }
    if (twin.own.sizes() != twin.cpu.sizes() || twin.own.strides() != twin.cpu.strides() ||
        twin.own.storage_offset() != twin.cpu.storage_offset()) {
      impl->set_sizes_and_strides(
          twin.cpu.sizes(), twin.cpu.strides(), twin.cpu.storage_offset());
    }
  }
}

using Visit = std::function<void(const at::Tensor&)>;

void each_tensor(const c10::IValue& value, const Visit& visit) {
  if (value.isTensor() && value.toTensor().defined()) visit(value.toTensor());
  if (value.isTensorList() || value.isOptionalTensorList()) {
    for (const c10::IValue& item : value.toListRef()) each_tensor(item, visit);
  }
}

// The tensors of an operator's arguments as "2,3:Float;4:Long".
std::string describe(const Stack& stack, size_t first) {
  std::ostringstream text;
  for (size_t i = first; i < stack.size(); ++i) {
    each_tensor(stack[i], [&](const at::Tensor& t) {
      text << (text.tellp() > 0 ? ";" : "");
      for (int64_t d = 0; d < t.dim(); ++d) text << (d ? "," : "") << t.size(d);
      text << ":" << t.scalar_type();
    });
  }
  return text.str();
}

// What the backend would raise here. While recording, it is reported and the work goes on.
void refuse(const std::string& op, const std::string& text, bool wrong_type = false) {
  if (state().report != nullptr) {
    state().report("refused", op.c_str(), text.c_str());
    return;
  }
  TORCH_CHECK_TYPE(!wrong_type, text);
  TORCH_CHECK(false, text);
}

// CPU tensors among mps ones, in the words of the backend. 0-dim ones and indices are allowed.
void check_placement(
    const c10::OperatorHandle& op, const Stack& stack, size_t first, const std::string& whole) {
  static const std::unordered_set<std::string> anywhere = {
      "aten::copy_", "aten::index", "aten::index_put_", "aten::_index_put_impl_", "aten::set_",
      "aten::_copy_from", "aten::_copy_from_and_resize"};
  const std::string& name = op.schema().name();
  if (anywhere.count(name)) return;
  bool stray = false;
  for (size_t i = first; i < stack.size(); ++i) {
    each_tensor(stack[i], [&](const at::Tensor& t) { stray |= !on_mps(t) && t.dim() > 0; });
  }
  if (!stray) return;
  if (name == "aten::convolution") {
    refuse(
        whole, "Input type (" + stack[first].toTensor().toString() + ") and weight type (" +
            stack[first + 1].toTensor().toString() + ") should be the same");
  } else if (op.hasTag(at::Tag::pointwise)) {
    refuse(
        whole, "Expected all tensors to be on the same device, but found at least two devices, "
               "mps:0 and cpu!");
  } else {
    refuse(whole, "Placeholder storage has not been allocated on MPS device!");
  }
}

// Tensors that the backend could not have made.
void check_dtype(const std::string& op, at::ScalarType type) {
  if (type == at::kDouble || type == at::kComplexDouble) {
    refuse(op, kNoDouble, true);
  } else if (c10::isFloat8Type(type) || c10::isQIntType(type) || c10::isBitsType(type)) {
    refuse(
        op, std::string("Trying to convert ") + c10::toString(type) +
            " to the MPS backend but it does not have support for that dtype.", true);
  }
}

void check_rank(const std::string& op, size_t rank) {
  if (rank <= 16) return;
  refuse(op, "MPS supports tensors with dimensions <= 16, but got " + std::to_string(rank) + ".");
}

void run(const c10::OperatorHandle& op, Stack* stack, const std::string& name, double factor) {
  size_t first = stack->size() - op.schema().arguments().size();
  check_placement(op, *stack, first, name);
  Twins twins;
  twins.reserve(8);
  for (size_t i = first; i < stack->size(); ++i) (*stack)[i] = to_cpu((*stack)[i], twins);
  at::AutoDispatchBelowADInplaceOrView below_autograd;
  op.callBoxed(stack);
  write_back(twins);
  for (size_t i = first; i < stack->size(); ++i) {
    each_tensor((*stack)[i], [&](const at::Tensor& t) {
      check_dtype(name, t.scalar_type());
      if (factor != 1.0 && t.is_floating_point()) t.mul_(factor);
    });
    (*stack)[i] = to_mps((*stack)[i], twins);
  }
}

Trait mark_reached(const c10::OperatorHandle& op, const std::string& name) {
  State& s = state();
  std::lock_guard<std::mutex> hold(s.lock);
  s.reached.insert(op);
  auto found = s.traits.find(name);
  return found == s.traits.end() ? Trait() : found->second;
}

// Lets Python remember which line of the caller makes which node of the autograd graph.
void watch_nodes() {
  static thread_local uint64_t last = 0;
  uint64_t next = at::sequence_number::peek();
  if (state().report == nullptr || next == last) return;
  last = next;
  state().report("node", "", "");
}

void report(const char* kind, const std::string& name, const Stack& stack, size_t arguments) {
  state().report(kind, name.c_str(), describe(stack, stack.size() - arguments).c_str());
}

// Reports two threads that run operators at the same time, which the real backend does not survive.
// Work that holds a lock around its steps never does; to make an overlap likely without one,
// operators wait a moment once a thread other than the first computes. Autograd's own threads do not count.
class InProgress {
 public:
  explicit InProgress(const std::string& name) {
    static thread_local const bool counts = c10::getThreadName().rfind("pt_autograd", 0) != 0;
    State& s = state();
    if (s.report == nullptr || !counts || depth_++ > 0) return;
    outermost_ = true;
    if (std::this_thread::get_id() != s.first_thread) s.threaded = true;
    if (s.busy++ > 0 && !s.overlapped.exchange(true)) s.report("threads", name.c_str(), "");
    if (s.threaded && !s.overlapped && s.waits-- > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~InProgress() {
    if (!outermost_) return;
    --state().busy;
    depth_ = 0;
  }

 private:
  bool outermost_ = false;
  static thread_local int depth_;
};
thread_local int InProgress::depth_ = 0;

void native(const c10::OperatorHandle& op, Stack* stack) {
  std::string name = c10::toString(op.operator_name());
  InProgress here(name);
  Trait trait = mark_reached(op, name);
  watch_nodes();
  if (trait.silent && state().report != nullptr) {
    report("silent-cpu", name, *stack, op.schema().arguments().size());
  } else if (trait.silent) {
    TORCH_WARN(
        "The operator '", name, "' is not currently supported on the MPS backend and will fall ",
        "back to run on the CPU. This may have performance implications.");
  }
  run(op, stack, name, trait.factor);
}

void missing(const c10::OperatorHandle& op, Stack* stack) {
  std::string name = c10::toString(op.operator_name());
  InProgress here(name);
  mark_reached(op, name);
  watch_nodes();
  TORCH_CHECK_NOT_IMPLEMENTED(
      state().report != nullptr,
      "The operator '", name, "' is not currently implemented for the MPS device.");
  report("missing", name, *stack, op.schema().arguments().size());
  run(op, stack, name, 1.0);
}

// ---------------------------------------------------------------- allocation

at::Tensor empty(
    c10::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
    std::optional<Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  check_rank("aten::empty.memory_format", size.size());
  at::ScalarType type = c10::dtype_or_default(dtype);
  check_dtype("aten::empty.memory_format", type);
  return at::detail::empty_generic(
      size, &allocator, c10::DispatchKeySet(c10::DispatchKey::MPS), type, format);
}

at::Tensor empty_strided(
    c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<at::ScalarType> dtype,
    std::optional<at::Layout>, std::optional<Device>, std::optional<bool>) {
  check_rank("aten::empty_strided", size.size());
  at::ScalarType type = c10::dtype_or_default(dtype);
  check_dtype("aten::empty_strided", type);
  return at::detail::empty_strided_generic(
      size, stride, &allocator, c10::DispatchKeySet(c10::DispatchKey::MPS), type);
}

}  // namespace

C10_REGISTER_GUARD_IMPL(MPS, Guard)
namespace at {
REGISTER_MPS_HOOKS(MPSHooks)
}
TORCH_LIBRARY_IMPL(aten, MPS, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
}
TORCH_LIBRARY_IMPL(_, MPS, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&missing>());
}

// ---------------------------------------------------------------- what Python calls

extern "C" {

void standin_macos(unsigned major, unsigned minor) {
  state().macos_major = major;
  state().macos_minor = minor;
}

void standin_report(Callback report) {
  state().report = report;
}

void standin_trait(const char* name, int silent, double factor) {
  state().traits[name] = Trait{silent != 0, factor};
}

// Gives operator `name` ("aten::add.out") the kernel, at key MPS, or, if `checked`, at a key that
// no tensor has: then Python's own kernel stands at MPS and calls this one.
void standin_kernel(const char* name, int checked) {
  State& s = state();
  if (s.aten == nullptr) {
    s.aten = new torch::Library(torch::Library::IMPL, "aten", std::nullopt, __FILE__, __LINE__);
  }
  auto key = checked ? c10::DispatchKey::PrivateUse3 : c10::DispatchKey::MPS;
  s.aten->impl(
      name, torch::dispatch(key, torch::CppFunction::makeFromBoxedFunction<&native>()));
}

// The operators reached so far, one a line; valid until the next call.
const char* standin_reached() {
  static std::string text;
  State& s = state();
  std::lock_guard<std::mutex> hold(s.lock);
  text.clear();
  for (const auto& op : s.reached) text += c10::toString(op.operator_name()) + "\n";
  return text.c_str();
}
}
