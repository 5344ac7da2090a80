(func (;4;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 11
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 9
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 10
    (i64.load offset=544 align=1
      (local.get 0)))
  (local.set 12
    (i64.load offset=552 align=1
      (local.get 0)))
  (local.set 13
    (i64.load offset=560 align=1
      (local.get 0)))
  (local.set 14
    (i64.load offset=568 align=1
      (local.get 0)))
  (local.set 15
    (i64.load offset=576 align=1
      (local.get 0)))
  (block  ;; label = @1
    (if  ;; label = @2
      (i32.lt_s
        (local.tee 1
          (i32.sub
            (local.get 1)
            (i32.const 7)))
        (i32.const 0))
      (then
        (local.set 1
          (i32.add
            (local.get 1)
            (i32.const 7)))
        (local.set 8
          (i64.add
            (local.get 2)
            (i64.const 0)))
        (br 1 (;@1;))))
    (local.set 11
      (i64.add
        (local.get 9)
        (local.get 10)))
    (local.set 12
      (i64.shl
        (local.get 11)
        (i64.const 5)))
    (local.set 12
      (i64.extend_i32_s
        (i32.add
          (i32.wrap_i64
            (local.get 12))
          (i32.const -7))))
    (local.set 13
      (i64.const 305418240))
    (local.set 14
      (i64.add
        (local.get 2)
        (i64.const 16)))
    (local.set 15
      (call 1
        (i32.const 53)
        (local.get 11)
        (local.get 12)
        (i64.const 0)))
    (local.set 1
      (i32.add
        (local.get 1)
        (i32.const 1)))
    (local.set 5
      (i32.const 1))
    (local.set 8
      (i64.add
        (local.get 2)
        (i64.const 24)))
    (br 0 (;@1;)))
  (i64.store offset=528 align=1
    (local.get 0)
    (local.get 11))
  (i64.store offset=552 align=1
    (local.get 0)
    (local.get 12))
  (i64.store offset=560 align=1
    (local.get 0)
    (local.get 13))
  (i64.store offset=568 align=1
    (local.get 0)
    (local.get 14))
  (i64.store offset=576 align=1
    (local.get 0)
    (local.get 15))
  (i64.store align=1
    (local.get 0)
    (local.get 8))
  (i32.store offset=376 align=1
    (local.get 0)
    (local.get 5))
  (local.get 1))
