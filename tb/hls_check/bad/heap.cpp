// expect: 8 new: there is no heap
// expect: 9 delete: there is no heap
// expect: 10 malloc: there is no heap
// expect: 11 free: there is no heap
extern "C" void* malloc(unsigned long size);
extern "C" void free(void* pointer);
extern "C" void top(int* x) {
  int* row = new int[16];
  delete[] row;
  void* other = malloc(4);
  free(other);
  x[0] = 1;
}
